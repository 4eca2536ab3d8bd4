#!/usr/bin/env python3
"""What `glass report` and --html write, opened from the disk in a real browser: the same figures as on the dashboard, with
the numbers of the commands, and nobody's token becomes a script.

    python3 tests/web/report_test.py --glass build/release/glass [--pictures DIR]

--pictures keeps what the file looks like, in light, in dark, on a phone and without JavaScript. Without Chromium the test
is skipped; PagesHtml holds the file itself to its rules.
"""
import base64
import json
import os
import pathlib
import re
import shlex
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "peers"), str(ROOT / "tools" / "wasm")]
import page as page_without_a_server  # noqa: E402
import peer  # noqa: E402
from browser import Browser, BrowserError, find_chromium  # noqa: E402
from dashboard import CIRCUIT, check_grid, check_look, near, table_of  # noqa: E402

EVIL = "</script><script>window.hurt=1</script><img src=x onerror=window.hurt=1>"
DRAWN = "document.readyState === 'complete' && !document.querySelector('.plain')"


def write(args, *words):
    peer.output_of(args.glass, *words, "--threads", "1")


def open_file(page, file, place=""):
    page.complaints.clear()
    page.open("about:blank")
    page.open(file.as_uri() + place)
    page.wait(f"location.protocol === 'file:' && {DRAWN}")
    time.sleep(0.3)   # figures are drawn when the browser has said how wide they are


def asked_again(args, page, part):
    """What the command says that stands under a part of the report."""
    line = page.value("document.querySelector('#%s .command code').textContent" % part)
    program, *words = shlex.split(line)
    assert program == "glass", line
    return json.loads(peer.output_of(args.glass, *words, "--json", "--threads", "1"))


# ---- the tests -------------------------------------------------------------------------------------------------------

def it_opens_from_the_disk(report, page, args, file):
    looks = [("light", 1280, 900, False), ("dark", 1280, 900, True), ("phone", 390, 844, False)]
    for what, width, height, dark in looks:
        page.shape(width, height, dark)
        open_file(page, file)
        report.check(f"{what}: no complaint", not page.complaints, page.complaints)
        check_look(report, page, file.name, what)
        ground = page.value("getComputedStyle(document.body).backgroundColor")
        report.check(f"{what}: the ground", (ground == "rgb(255, 255, 255)") != dark, ground)
        if args.pictures:
            page.picture(os.path.join(args.pictures, f"report-{what}.png"))
    page.shape(1280, 900)
    open_file(page, file)
    parts = page.value("""[...document.querySelectorAll('main > section')].map((section) => [section.id,
      section.querySelectorAll('.figure').length, section.querySelectorAll('.from .command').length])""")
    report.check("all parts are there", len(parts) == 15, parts)
    for part, figures, commands in parts:
        missing = part in ("neurons", "sae", "dynamics")   # this model has none
        report.check(f"{part}: it draws", (figures > 0) != missing, figures)
        report.check(f"{part}: its command", commands == 1, commands)
    empty = page.value("""[...document.querySelectorAll('.map, .plot, .drawing')].filter((one) =>
      !one.querySelector('svg, canvas')).length""")
    report.check("every figure is drawn", empty == 0, empty)
    links = page.value("[...document.querySelectorAll('.pages a')].map((a) => a.getAttribute('href'))")
    report.check("a link to every part", links == [f"#{part}" for part, _, _ in parts], links)
    open_file(page, file, "#path")
    top = page.value("document.getElementById('path').getBoundingClientRect().top")
    report.check("an address opens at its part", 0 <= top < 100, top)
    marked = page.value("[...document.querySelectorAll('.pages [aria-current]')].map((a) => a.hash)")
    report.check("the list marks the part that is read", marked == ["#path"], marked)


def numbers_are_those_of_the_commands(report, page, args, file):
    told = asked_again(args, page, "attention")
    for number, layer in enumerate(told["attention"]):
        tables = table_of(page, f"Layer {number}") or []
        report.check(f"layer {number}: a table for each head", len(tables) == len(layer), len(tables))
        for table, head in zip(tables, layer):
            seen = [[x if k <= q else None for k, x in enumerate(row)] for q, row in enumerate(head)]
            check_grid(report, f"attention in layer {number}", table, seen)
    told = asked_again(args, page, "patch")
    check_grid(report, "the patch grid", (table_of(page, "resid_pre") or [None])[0], told["grid"])
    told = asked_again(args, page, "induction")
    grid = [[0.0] * told["heads"] for _ in range(told["layers"])]
    for score in told["scores"]:
        grid[score["layer"]][score["head"]] = score["score"]
    check_grid(report, "induction scores", (table_of(page, "Score by layer and head") or [None])[0], grid)


def a_cell_says_its_number(report, page, args, file):
    told = asked_again(args, page, "attention")["attention"][1][0]
    cell = "[...document.querySelectorAll('#attention .maps figure')].find((f) => f.innerText.startsWith('1.0'))" \
           ".querySelector('.map')"
    page.value(f"{cell}.focus()")
    page.key("ArrowRight")
    for row in range(1, 4):
        page.key("ArrowDown")
        said = page.value("document.getElementById('said').textContent")
        report.check(f"arrow keys read row {row}", near(said.split()[-1], told[row][0]), f"{said}, {told[row][0]}")
    page.key("Enter")
    report.check("Enter enlarges", page.value("document.querySelectorAll('dialog[open] .map svg').length") == 1)
    page.value("document.querySelector('dialog')?.close()")


def buttons_work(report, page, args, file, folder):
    page.ask("Page.setDownloadBehavior", behavior="allow", downloadPath=str(folder))
    told = asked_again(args, page, "patch")
    page.click("#patch .from > button")
    saved, until = folder / "patch.json", time.monotonic() + 20
    while not saved.exists() and time.monotonic() < until:
        time.sleep(0.05)
    kept = json.loads(saved.read_text()) if saved.exists() else {}
    report.check("the numbers are saved", kept.get("grid") == told["grid"], kept)
    page.click("#patch .command button")
    page.wait("document.querySelector('#patch .command button').textContent !== 'copy the command'")
    said = page.value("document.querySelector('#patch .command button').textContent")
    report.check("the command is copied", said == "copied", said)


def modules_are_those_of_the_dashboard(report, page, args, file):
    html = file.read_text()
    imports = json.loads(re.search(r'<script type="importmap"[^>]*>(.*?)</script>', html)[1])["imports"]
    report.check("the modules that draw", {"glass/figures.js", "glass/heatmap.js", "glass/plots.js"} <= set(imports),
                 sorted(imports))
    for name, address in imports.items():
        text = (ROOT / "tools" / "web" / name.removeprefix("glass/")).read_text()
        report.check(f"{name} is the file of the page",
                     address == page_without_a_server.data("text/javascript", page_without_a_server.module(text)),
                     base64.b64decode(address.partition(",")[2]).decode()[:500])


def who_has_no_javascript_reads_text(report, browser, args, file):
    page = browser.page()
    page.ask("Emulation.setScriptExecutionDisabled", value=True)
    page.open(file.as_uri())
    page.wait("document.readyState === 'complete' && document.querySelectorAll('.plain pre').length === 15")
    text = page.value("document.querySelector('#attribute .plain').innerText")
    report.check("the text is there", "Who wrote this logit?" in text and "glass interp attribute" in text, text)
    report.check("and can be seen", page.value("document.querySelector('#attribute pre').offsetHeight") > 200)
    wide = page.value("document.documentElement.scrollWidth - innerWidth")
    report.check("without JavaScript: nothing sticks out", wide <= 0, f"{wide} pixels")
    if args.pictures:
        page.picture(os.path.join(args.pictures, "report-text.png"))
    page.close()


def one_analysis_is_a_page_of_its_own(report, page, args, folder):
    file = folder / "lens.html"
    write(args, "interp", "lens", "--ckpt", CIRCUIT, "--prompt", "abcdab", "--html", file)
    open_file(page, file)
    report.check("lens: no complaint", not page.complaints, page.complaints)
    report.check("lens: it draws", page.value("document.querySelectorAll('.map svg').length") == 2)
    report.check("lens: no list of pages", page.value("!document.querySelector('nav')"))
    check_look(report, page, "lens", "alone")


def what_strangers_wrote_is_text(report, page, args, folder):
    text = folder / "evil.txt"
    text.write_text((EVIL + "\n") * 60)
    run, file = folder / "<img src=x onerror=window.hurt=1>", folder / "evil.html"
    write(args, "train", "--data", text, "--tokenizer", "char", "--max-iters", "2", "--eval-iters", "1", "--n-layer", "1",
          "--n-head", "2", "--n-embd", "16", "--block-size", "96", "--out", run)
    write(args, "report", "--ckpt", run, "--prompt", EVIL, "-o", file)
    open_file(page, file)
    report.check("evil: no complaint", not page.complaints, page.complaints)
    report.check("evil: nothing ran", page.value("window.hurt") is None)
    report.check("evil: no picture", page.value("document.querySelectorAll('img').length") == 0)
    words = page.value("document.querySelector('#model').innerText")
    report.check("evil: the words are there", EVIL.replace(" ", "\u00b7") in words, words)

    # And would a word become a script all the same, it may not run.
    html = file.read_text()
    for number, script in enumerate(["<script>window.hurt=1</script>",
                                     '<script src="data:text/javascript,window.hurt=1"></script>',
                                     '<script type="module">import "data:text/javascript,window.hurt=1"</script>',
                                     "<img src=data:, onerror=window.hurt=1>"]):
        file.write_text(html.replace("<main", script + "<main", 1))
        open_file(page, file)
        time.sleep(0.2)
        report.check(f"a script of a stranger, {number}", page.value("window.hurt") is None)
        report.check(f"a script of a stranger, {number}: it is refused", len(page.complaints) > 0)


def main():
    options = peer.parser(__doc__)
    options.add_argument("--pictures", help="a folder for pictures")
    args = options.parse_args()
    report = peer.Report()
    if find_chromium() is None:
        report.skip("web_report", "Chromium is not installed")
        return report.end()
    with peer.folder() as folder, Browser() as browser:
        file = folder / "report.html"
        write(args, "report", "--ckpt", CIRCUIT, "-o", file)
        page = browser.page()
        for test, *more in [(it_opens_from_the_disk, file), (numbers_are_those_of_the_commands, file),
                            (a_cell_says_its_number, file), (buttons_work, file, folder),
                            (modules_are_those_of_the_dashboard, file), (one_analysis_is_a_page_of_its_own, folder),
                            (what_strangers_wrote_is_text, folder)]:
            try:
                test(report, page, args, *more)
            except BrowserError as error:
                report.check(test.__name__, False, f"{error}; {page.complaints}")
        who_has_no_javascript_reads_text(report, browser, args, file)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
