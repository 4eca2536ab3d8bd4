#!/usr/bin/env python3
"""The dashboard in a real browser: every page opened, its controls used, its numbers held to those of the commands.

    python3 tests/web/page_test.py --glass build/release/glass [--pictures DIR] [--only NAME] [--web-dir tools/web]

A server of its own, and Chromium without a window (browser.py). --pictures keeps what the pages look like, in light, in
dark and on a phone. Without Chromium the test is skipped.
"""
import contextlib
import json
import math
import os
import pathlib
import re
import shlex
import signal
import struct
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "peers"))
import peer  # noqa: E402
from browser import Browser, BrowserError, find_chromium  # noqa: E402

CIRCUIT = "handmade:induction"
EVIL = "<img src=x onerror=window.hurt=1>"
PROMPT = "x7kq2x7k"
# Quick questions, and what each page is asked with.
PAGES = {
    "": "", "model": "", "generate": "", "train": "",
    "attention": f"prompt={PROMPT}", "lens": f"prompt={PROMPT}", "attribute": f"prompt={PROMPT}",
    "cache": f"prompt={PROMPT}", "heads": "random-models=0&sequences=2&n=8",
    "induction": "random-models=2&sequences=2&n=12", "composition": "show=scores",
    "ablate": f"prompt={PROMPT}&heads=1.0&windows=2", "patch": "site=resid_pre", "path": "mode=denoise",
    "steer": f"prompt={PROMPT}&towards=x&away=k&max-new-tokens=4", "circuit": "random=2",
}
REFUSING = {"dynamics": "not the folder of a run", "neurons": "no mlps", "sae": "no autoencoder"}

IDLE = "!document.querySelector('[aria-busy]')"
DONE = IDLE + " && (!document.querySelector('section.result')?.parentNode || " \
    "document.querySelector('section.result').childElementCount > 0)"


@contextlib.contextmanager
def serving(args, *options):
    """A server, and the address that it printed."""
    command = [args.glass, "serve", "--json", "--threads", "1", *map(str, options)]
    command += ["--web-dir", args.web_dir] if args.web_dir else []
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        line = server.stdout.readline()
        if not line:
            raise BrowserError(f"{' '.join(command)} said nothing: {server.stderr.read()}")
        yield json.loads(line)["url"]
    finally:
        server.terminate()
        server.wait(20)


def go(page, path, query=""):
    """Another page of the dashboard, as a link would."""
    page.value("location.hash = %s" % json.dumps(f"#/{path}" + (f"?{query}" if query else "")))
    page.wait("document.querySelector('main')?.dataset.page === %s" % json.dumps(path))
    time.sleep(0.2)   # until what takes longer than a blink says that it is busy
    page.wait(DONE)


def float32(x):
    return struct.unpack("<f", struct.pack("<f", x))[0]


def near(shown, told):
    """Whether the page shows this number: it has the seven digits that a float32 holds."""
    if told is None:
        return shown == ""
    return shown != "" and abs(float(shown) - float32(told)) <= 1e-6 * max(abs(told), 1e-30)


def table_of(page, title):
    """The numbers behind a figure, as rows of texts: what a screen reader reads."""
    return page.value("""(() => {
      const figure = [...document.querySelectorAll('main .figure')].find((f) =>
        f.querySelector('h3')?.textContent === %s);
      const details = figure?.querySelector('details.numbers');
      if (!details) return null;
      details.open = true;
      return new Promise((done) => setTimeout(() => done([...details.querySelectorAll('table')].map((table) =>
        [...table.querySelectorAll('tbody tr')].map((row) =>
          [...row.querySelectorAll('td')].map((cell) => cell.textContent)))), 100));
    })()""" % json.dumps(title))


def command(glass, *words):
    return json.loads(peer.output_of(glass, "interp", *words, "--ckpt", CIRCUIT, "--json", "--threads", "1"))


def check_grid(report, what, shown, told):
    good = shown is not None and len(shown) == len(told) and all(
        len(row) == len(line) and all(near(cell, x) for cell, x in zip(row, line)) for row, line in zip(shown, told))
    report.check(what, good, f"the page: {shown}\n  the command: {told}")


# Texts of one picture that lie on one another; those that are turned stand in boxes of their own.
OVERLAPS = """(() => {
  const found = [];
  for (const svg of document.querySelectorAll('main svg')) {
    const boxes = [...svg.querySelectorAll('text')].filter((t) => t.textContent).map((t) =>
      [t.textContent, t.getBoundingClientRect()]);
    for (let i = 0; i < boxes.length; ++i) for (let j = i + 1; j < boxes.length; ++j) {
      const [a, b] = [boxes[i][1], boxes[j][1]];
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 1 && down > 4) found.push(boxes[i][0] + ' and ' + boxes[j][0]);
    }
  }
  return found.slice(0, 5);
})()"""


def check_look(report, page, path, what):
    report.check(f"{what} {path}: labels do not touch", page.value(OVERLAPS) == [], page.value(OVERLAPS))
    wide = page.value("document.documentElement.scrollWidth - innerWidth")
    report.check(f"{what} {path}: nothing sticks out", wide <= 0, f"{wide} pixels")


# ---- the tests -------------------------------------------------------------------------------------------------------

def every_page_opens(report, page, args):
    looks = [("light", 1280, 900, False), ("dark", 1280, 900, True), ("phone", 390, 844, False)]
    for what, width, height, dark in looks:
        page.shape(width, height, dark)
        for path, query in PAGES.items():
            page.complaints.clear()
            go(page, path, query)
            report.check(f"{what} {path}: no complaint", not page.complaints, page.complaints)
            shown = page.value("document.querySelector('main .complaint')?.textContent")
            report.check(f"{what} {path}: it answers", shown is None, shown)
            if query:
                report.check(f"{what} {path}: it draws", page.value("document.querySelectorAll('.figure').length") > 0)
            check_look(report, page, path, what)
            if args.pictures:
                page.picture(os.path.join(args.pictures, f"{path or 'start'}-{what}.png"))
        ground = page.value("getComputedStyle(document.body).backgroundColor")
        report.check(f"{what}: the ground", (ground == "rgb(255, 255, 255)") != dark, ground)
    page.shape(1280, 900)


def pages_that_cannot_answer_say_why(report, page, args):
    for path, words in REFUSING.items():
        go(page, path)
        shown = page.value("document.querySelector('main .complaint')?.textContent") or ""
        report.check(f"{path} says why", words in shown, shown)
    page.complaints.clear()   # a browser lists every refused request


def numbers_are_those_of_the_commands(report, page, args):
    glass = args.glass
    told = command(glass, "attention", "--prompt", PROMPT)
    go(page, "attention", f"prompt={PROMPT}")
    shown = table_of(page, "All heads, a row for each layer")
    heads = [head for layer in told["attention"] for head in layer]
    report.check("a table for each head", shown is not None and len(shown) == len(heads), shown)
    for number, (table, head) in enumerate(zip(shown or [], heads)):
        future = [[x if k <= q else None for k, x in enumerate(row)] for q, row in enumerate(head)]
        check_grid(report, f"attention of head {number}", table, future)

    go(page, "patch")
    for mode, title in (("denoise", "Denoise: what suffices"), ("noise", "Noise: what is needed")):
        told = command(glass, "patch", "--site", "resid_pre", "--mode", mode)
        check_grid(report, f"the {mode} grid", (table_of(page, title) or [None])[0], told["grid"])

    told = command(glass, "path")
    go(page, "path")
    def layer(name):
        return int(name.split(".")[0]) if name[0].isdigit() else 99 if name == "logits" else -1
    upwards = [[x if layer(column) > layer(row) else None for column, x in zip(told["columns"], line)]
               for row, line in zip(told["rows"], told["grid"])]   # what leads downwards is no path
    check_grid(report, "the paths", (table_of(page, "All paths") or [None])[0], upwards)

    words = "--random-models 2 --sequences 2 --n 12".split()
    told = command(glass, "induction", *words)
    go(page, "induction", PAGES["induction"])
    best = told["scores"][0]
    badge = page.value("document.querySelector('.badge')?.textContent") or ""
    report.check("the badge", f"Head {best['layer']}.{best['head']}: real" in badge, badge)
    shown = (table_of(page, "Score by layer and head") or [None])[0]
    grid = [[0.0] * told["heads"] for _ in range(told["layers"])]
    for score in told["scores"]:
        grid[score["layer"]][score["head"]] = score["score"]
    check_grid(report, "induction scores", shown, grid)


def both_grids_are_read_together(report, page, args):
    """One press asks for both; cells are sorted by what both say; the pointer marks the same cell in both."""
    go(page, "patch")
    tops = "[...document.querySelectorAll('.pair .map')].map((map) => map.getBoundingClientRect().top)"
    report.check("side by side", len(set(page.value(tops))) == 1, page.value(tops))
    page.value("(() => { const site = document.querySelector('[data-option=site]'); site.value = 'z'; })()")
    page.click(".go")
    time.sleep(0.3)
    page.wait(DONE)
    commands = page.value("[...document.querySelectorAll('footer.from code')].map((line) => line.textContent)")
    report.check("two commands", len(commands) == 2 and "site=z" in commands[0] and "mode=noise" in commands[1],
                 commands)
    alone, without = (command(args.glass, "patch", "--site", "z", "--mode", mode)["grid"]
                      for mode in ("denoise", "noise"))
    shown = page.value("Object.fromEntries([...document.querySelectorAll('.pair-read li')].map((line) => "
                       "[line.querySelector('b').textContent, line.querySelector('.cells').textContent]))")
    wanted = {"enough and needed": set(), "enough, not needed": set(), "needed, not enough": set(),
              "a part of it": set()}
    for r, row in enumerate(alone):
        for c, x in enumerate(row):
            y = without[r][c]
            kind = ("enough and needed" if min(x, y) >= 0.7 else "enough, not needed" if x >= 0.7 else
                    "needed, not enough" if y >= 0.7 else "a part of it" if max(x, y) >= 0.1 else None)
            if kind:
                wanted[kind].add(f"layer {r}, head {c}")
    told = {name: set(re.findall(r"layer \d+, head \d+", cells)) for name, cells in shown.items()}
    report.check("cells by what they are", told == wanted and any(wanted.values()), f"{shown}\n  {wanted}")
    page.value("document.querySelector('.pair .map').focus()")
    page.key("ArrowDown", number=40)
    marks = page.value("[...document.querySelectorAll('.pair .marker')].map((one) => "
                       "one.getAttribute('visibility') + one.getAttribute('x') + one.getAttribute('y'))")
    report.check("the same cell in both", len(marks) == 2 and len(set(marks)) == 1 and "visible" in marks[0], marks)
    page.shape(390, 844)
    report.check("one above the other on a phone", len(set(page.value(tops))) == 2, page.value(tops))
    page.shape(1280, 900)


def a_cell_says_its_number(report, page, args):
    told = command(args.glass, "attention", "--prompt", PROMPT)["attention"][1][0]
    go(page, "attention", f"prompt={PROMPT}")
    map_1_0 = "[...document.querySelectorAll('.maps figure')].find((f) => f.innerText.startsWith('1.0'))" \
              ".querySelector('.map')"
    page.value(f"{map_1_0}.scrollIntoView({{block: 'center'}})")
    left, top, width, height = page.value(
        f"(() => {{ const b = {map_1_0}.querySelector('.frame').getBoundingClientRect();"
        " return [b.left, b.top, b.width, b.height]; })()")
    tip = "(document.getElementById('tip').hidden ? null : document.getElementById('tip').textContent)"
    for row, column in [(6, 2), (7, 3), (0, 0)]:
        page.move(left + (column + 0.5) * width / 8, top + (row + 0.5) * height / 8)
        said = page.value(tip) or ""
        report.check(f"the pointer on row {row}, column {column}",
                     said.startswith(f"{PROMPT[row]}, {PROMPT[column]}:") and near(said.split()[-1], told[row][column]),
                     f"{said}, {told[row][column]}")
    page.move(2, 2)
    report.check("nothing is said beside the map", page.value(tip) is None, page.value(tip))

    page.value("document.querySelector('[data-option=each-row]').click()")
    page.wait(f"{map_1_0}.querySelector('.frame')")
    page.move(left + 2.5 * width / 8, top + 6.5 * height / 8)
    said = page.value(tip) or ": 1e9"
    report.check("colours by row change no number", near(said.split()[-1], told[6][2]), said)
    page.move(2, 2)

    page.value(f"{map_1_0}.focus()")
    for name, number in [("ArrowDown", 40), ("ArrowDown", 40), ("ArrowRight", 39)]:
        page.key(name, number=number)
    said = page.value("document.getElementById('said').textContent")
    report.check("arrow keys read cells aloud", near(said.split()[-1], told[1][1]) and said == page.value(tip), said)
    page.key("Enter", number=13)
    report.check("Enter enlarges", page.value("document.querySelector('dialog[open] h2')?.textContent") == "1.0")
    page.key("Escape", number=27)
    page.wait("!document.querySelector('dialog')")
    page.click(".maps .map")
    report.check("a click enlarges", page.value("!!document.querySelector('dialog[open] table, dialog[open] .map')"))
    page.click("dialog header button")
    page.wait("!document.querySelector('dialog')")


def colours_are_those_of_the_commands(report, page, args):
    rows = [line.split() for line in (ROOT / "tests" / "web" / "colours.txt").read_text().splitlines()
            if not line.startswith("#")]
    shown = page.value("""import('/colours.js').then(({ colour_at, css }) => %s.map((share) =>
      [['rising', 'paper'], ['rising', 'terminal'], ['diverging', 'paper'], ['diverging', 'terminal']]
        .map(([map, ground]) => css(colour_at(map, share, ground)))))""" % json.dumps([float(r[0]) for r in rows]))
    wrong = [(row, colours) for row, colours in zip(rows, shown) if row[1:] != colours]
    report.check("colours of maps", len(rows) == 33 and not wrong, wrong[:3])


def every_control_answers(report, page, args):
    for path in ["attention", "lens", "patch", "path", "composition", "ablate"]:
        go(page, path, PAGES[path])
        choices = page.value("[...document.querySelectorAll('.options > .fields .segments input, "
                             ".options > .fields select option')].length")
        for i in range(choices):
            name = page.value("""(() => {
              const one = [...document.querySelectorAll('.options > .fields .segments input, ' +
                '.options > .fields select option')][%d];
              if (one.type === 'radio') one.click();
              else {
                one.parentNode.value = one.value;
                one.parentNode.dispatchEvent(new Event('change', { bubbles: true }));
              }
              return one.value;
            })()""" % i)
            time.sleep(0.2)
            page.wait(DONE)
            shown = page.value("document.querySelector('main .complaint')?.textContent")
            report.check(f"{path}: {name!r}", shown is None or "no mlp" in shown, shown)   # this model has none
    page.complaints.clear()


def heads_are_switched_off(report, page, args):
    told = command(args.glass, "ablate", "--prompt", PROMPT, "--heads", "0.0,1.0")
    go(page, "ablate", f"prompt={PROMPT}&heads=0.0")
    page.click(".switch[data-head='1.0']")
    time.sleep(0.3)
    page.wait(DONE)
    report.check("the address says it", "heads=0.0%2C1.0" in page.value("location.hash"), page.value("location.hash"))
    report.check("the switch is down", page.value("document.querySelector(\".switch[data-head='1.0']\")"
                                                  ".getAttribute('aria-pressed')") == "true")
    shown = page.value("[...document.querySelectorAll('.table tbody tr')].map((row) => "
                       "[...row.cells].map((cell) => cell.textContent))")
    expected = [[f"{old['prob']:.3f}", f"{new['prob']:.3f}"]
                for old, new in zip(told["baseline_top"], told["ablated_top"])]
    report.check("before and after", [[row[1], row[3]] for row in shown] == expected, f"{shown}\n  {expected}")
    page.value("history.back()")
    page.wait("document.querySelector(\".switch[data-head='1.0']\").getAttribute('aria-pressed') === 'false'")
    report.check("the way back works", True)


def what_is_typed_is_text(report, page, args):
    go(page, "train")
    names = page.value("[...document.querySelectorAll('.runs tbody th')].map((name) => name.textContent)")
    report.check("the name of a run is text", names == [EVIL], names)
    report.check("no markup is made of it", page.value("document.querySelectorAll('main img').length") == 0)
    go(page, "attention")
    page.value("document.querySelector('[data-option=prompt]').value = %s" % json.dumps(EVIL))
    page.click(".go")
    page.wait("document.querySelector('main .complaint, main .token')")
    time.sleep(0.2)
    page.wait(DONE)
    report.check("no markup is made of it",
                 page.value("document.querySelectorAll('main img').length") == 0 and not page.value("!!window.hurt"))
    shown = page.value("document.querySelector('main .complaint')?.textContent") or ""
    report.check("a sentence says what is wrong", "token" in shown, shown)
    page.complaints.clear()
    page.value("document.querySelector('[data-option=prompt]').value = %s" % json.dumps(PROMPT))
    page.click(".go")
    page.wait("document.querySelector('main .token')")
    report.check("and the page goes on", page.value("document.querySelector('main .complaint')") is None)


def sentences_speak_of_fields(report, page, args):
    """What the commands say of their options, a page says of its fields; a wrong choice in an address is not ignored."""
    def complaints():
        return page.value("[...document.querySelectorAll('main .complaint')].map((one) => one.textContent).join(' / ')")
    go(page, "attention", "prompt=")
    report.check("the fields are named", 'either "prompt" or "tokens"' in complaints(), complaints())
    go(page, "attention", f"prompt={PROMPT}&layer=99&colour=red")
    report.check("a choice that is not there", '"layer" cannot be 99 here: there are 0, 1' in complaints(), complaints())
    report.check("a field that is not there", 'no "colour"' in complaints(), complaints())
    report.check("the rest is shown", page.value("document.querySelectorAll('main .map').length") > 1)
    page.click(".go")
    page.wait("!document.querySelector('main .complaint')")
    go(page, "generate", "temperature=hot&n=3&seed=5")
    report.check("a knob that cannot be turned so far", '"temperature" cannot be hot' in complaints(), complaints())
    report.check("stays where it was", page.value("document.querySelector('[data-option=temperature]').value") == "0.8")
    page.value("location.hash = '#/nowhere'")
    page.wait("document.querySelector('main .complaint')?.textContent.includes('no page called nowhere')")
    go(page, "heads", "random-models=0&sequences=many&n=8")
    report.check("a number that is none", '"sequences" cannot be many' in complaints(), complaints())
    page.complaints.clear()   # a browser lists every refused request


def who_leaves_ends_the_analysis(report, page, args):
    """Minutes of work, given up twice: the next question need not wait for it."""
    go(page, "model")
    for leave in ("location.hash = '#/lens?prompt=%s'" % PROMPT, "document.querySelector('.progress button').click()"):
        page.value("location.hash = '#/circuit?random=100000'")
        page.wait("document.querySelector('main')?.dataset.page === 'circuit'")
        page.wait("document.querySelector('.result[aria-busy]')")
        if "button" in leave:
            page.value("document.querySelector('.result[aria-busy]') && true")
            page.wait("document.querySelector('.progress button')")
            words = page.value("document.querySelector('.progress').textContent")
            report.check("how far it is", " of " in words, words)
        page.value(leave)
        page.wait(IDLE)
    go(page, "lens", f"prompt={PROMPT}")
    report.check("others are answered", page.value("document.querySelectorAll('main .figure').length") > 0)


def only_the_newest_answer_counts(report, page, args):
    go(page, "patch", "site=resid_pre")
    page.value("""(() => { for (const site of ['v', 'q', 'z', 'attn_out']) {
      const select = document.querySelector('[data-option=site]');
      select.value = site;
      select.dispatchEvent(new Event('change', { bubbles: true }));
    } })()""")
    time.sleep(0.5)
    page.wait(DONE)
    shown = page.value("document.querySelector('.command code').textContent")
    report.check("the last choice is shown", "attn_out" in shown, shown)


def a_model_writes(report, page, args):
    go(page, "generate", f"prompt={PROMPT}&n=12&seed=5&temperature=2")
    page.wait("document.querySelectorAll('.written .token').length >= 12")
    shown = page.value("[...document.querySelectorAll('.written .token')].map((t) => t.textContent).join('')")
    words = shlex.split(page.value("document.querySelector('.writing .command code').textContent"))
    report.check("the command says what was asked", {f"--ckpt={CIRCUIT}", f"--prompt={PROMPT}", "--temperature=2",
                                                     "--max-new-tokens=12", "--seed=5"} < set(words), words)
    told = json.loads(peer.output_of(args.glass, *words[1:], "--json", "--threads", "1"))
    report.check("what glass sample writes", shown == told["samples"][0]["text"], f"{shown}\n  {told['samples']}")
    page.move(*page.place(".written .token"))
    sides = page.value("[...document.querySelectorAll('.guesses h3')].map((h) => h.textContent)")
    report.check("what else could have come", len(sides) == 2, sides)

    colour = "getComputedStyle(document.querySelectorAll('.written .token')[3]).backgroundColor"
    light = page.value(colour)
    page.shape(1280, 900, dark=True)
    page.wait(f"{colour} !== '{light}'")
    page.shape(1280, 900)
    page.wait(f"{colour} === '{light}'")
    report.check("tokens follow the scheme of colours", True)

    go(page, "generate", "prompt=&n=6&seed=5")
    page.wait("document.querySelectorAll('.written .token').length >= 6")
    words = shlex.split(page.value("document.querySelector('.writing .command code').textContent"))
    told = json.loads(peer.output_of(args.glass, *words[1:], "--json", "--threads", "1"))
    shown = page.value("[...document.querySelectorAll('.written .token')].map((t) => t.textContent).join('')")
    report.check("and with nothing to begin with", shown == told["samples"][0]["text"], f"{shown}\n  {told['samples']}")


def a_model_is_steered(report, page, args):
    """The same dice with and without a direction; what is written is what the two commands write."""
    go(page, "generate", "")
    page.value("document.querySelector('.steer').open = true")
    for name, value in {"prompt": PROMPT, "n": 10, "seed": 5, "temperature": 1, "towards": "x7k", "away": "q2",
                        "at": "blocks.1.hook_resid_post", "strength": 3}.items():
        page.value("document.querySelector('[data-option=%s]').value = %s" % (name, json.dumps(str(value))))
    page.click(".go")
    page.wait("document.querySelectorAll('.pair .written .token').length >= 20")
    shown = page.value("[...document.querySelectorAll('.written')].map((text) => "
                       "[...text.querySelectorAll('.token')].map((t) => t.textContent).join(''))")
    lines = page.value("[...document.querySelectorAll('.writing .command code')].map((line) => line.textContent)")
    told = [json.loads(peer.output_of(args.glass, *shlex.split(line)[1:], "--json", "--threads", "1"))
            for line in lines]
    report.check("both are written", shown == [one["samples"][0]["text"] for one in told], f"{shown}\n  {told}")
    report.check("the direction does something", len(set(shown)) == 2, shown)
    page.move(*page.place(".pair .writing:nth-child(2) .written .token:nth-of-type(4)"))
    asked = page.value("[...document.querySelectorAll('.written')].map((text) => "
                       "[...text.querySelectorAll('.token')].findIndex((t) => t.classList.contains('asked')))")
    report.check("both are pointed at", len(set(asked)) == 1 and asked[0] >= 0, asked)
    check_look(report, page, "generate", "steered")
    page.value("history.back()")
    page.wait("!document.querySelector('.pair')")
    page.value("history.forward()")
    page.wait("document.querySelectorAll('.pair .written .token').length >= 20")
    again = page.value("[...document.querySelectorAll('.written')].map((text) => "
                       "[...text.querySelectorAll('.token')].map((t) => t.textContent).join(''))")
    report.check("the address says it", again == shown, again)
    page.shape(390, 844)
    check_look(report, page, "generate", "steered on a phone")
    if args.pictures:
        page.picture(os.path.join(args.pictures, "generate-steered-phone.png"))
    page.shape(1280, 900)
    page.value("document.querySelector('[data-option=away]').value = 'x7k'")
    page.click(".go")
    page.wait("document.querySelector('.pair .complaint')")
    said = page.value("document.querySelector('.pair .complaint').textContent")
    report.check("no direction", "no direction between them" in said, said)
    page.value("document.querySelector('[data-option=feature]').value = '3'")
    page.click(".go")
    page.wait("document.querySelector('.pair .complaint')?.textContent.includes('no autoencoder')")
    said = page.value("document.querySelector('.pair .complaint').textContent")
    report.check("no autoencoder", "glass interp sae train" in said, said)
    page.complaints.clear()   # a browser lists every refused request


# What is right, from the JSON of the command that the page names: written twice, so that two must be wrong alike.
def truth_of(exercise, told, words):
    if exercise == "where":
        row = told["attention"][0][0][-1]
        found = [str(k) for k, x in enumerate(row) if x > 0.9 * max(row)]
        return found if max(row) >= 2 / len(row) else ["alike"]
    if exercise == "which":
        looks = {"before?": "previous", "token?": "duplicate", "self?": "induction"}[words.split()[-1]]
        return [f"{h['layer']}.{h['head']}" for h in told["heads"] if (h[looks] or 0) >= 0.5] or ["none"]
    if exercise == "real":
        return [f"{s['layer']}.{s['head']}" for s in told["scores"]
                if min(s["score"], s["robust"], s["gap"]) >= told["threshold"]] or ["none"]
    if exercise == "price":
        share = told["second_copy_loss"] / math.log(65)
        return ["little" if share <= 0.25 else "some" if share <= 0.75 else "guess" if share <= 1.25 else "more"]
    if exercise == "without":
        head = [int(x) for x in re.search(r"head (\d+)\.(\d+)", words).groups()]
        return next(h["loss_change"] for h in told["heads"] if [h["layer"], h["head"]] == head)
    if exercise == "cell":
        return [str(t) for t, x in enumerate(told["grid"][-1]) if x >= 0.7]
    if exercise == "enough":
        layer = int(re.search(r"layer (\d+)", words)[1])
        return [f"{layer}.{h}" for h, x in enumerate(told["grid"][layer]) if x >= 0.7] or ["none"]
    return len(told["edges"])


def predict(page, value):
    page.value("(() => { const form = document.querySelector('.exercise'), value = %s;"
               " const field = form.querySelector('[data-option=prediction]');"
               " if (field) field.value = value;"
               " else [...form.querySelectorAll('input')].find((one) => one.value === value).click(); })()"
               % json.dumps(str(value)))
    page.click(".exercise .go")
    page.wait("document.querySelector('main .badge, main .complaint')", 300)   # a server gives way to all others
    return page.value("document.querySelector('main .badge h2, main .complaint').textContent")


def predictions_are_held_against_the_analysis(report, page, args):
    """Every exercise, about its first and its last model: what the page calls right is what the command says."""
    begun = "document.querySelector('.exercise')"
    def begin(where, exercise, model):
        go(page, "")   # away from the answer of the last one
        go(page, where, f"exercise={exercise}&model={model}&seed=3")
        page.wait(f"{begun}?.dataset.asked === '{exercise} {model} 3'")

    for exercise, where, models in page.value("import('/exercises.js').then(({ exercises }) => exercises.map((one) => "
                                              "[one.id, one.page, one.models]))"):
        for model in (models[0], models[-1]):
            what = f"{exercise} of {model}"
            page.shape(*((390, 844) if where != "induction" else (1280, 900)), dark=model == models[0])
            begin(where, exercise, model)
            report.check(f"{what}: nothing is told before", not page.value("!!document.querySelector('main .badge')"))
            options = page.value("[...document.querySelectorAll('.exercise input')].map((one) => one.value)")
            question = page.value("document.querySelector('.exercise legend').textContent")
            said = predict(page, options[0] or "-777")
            line = page.value("document.querySelector('main .command code')?.textContent") or ""
            report.check(f"{what}: the command names the model", f"handmade:{model} " in line, line)
            told = json.loads(peer.output_of(args.glass, *shlex.split(line)[1:], "--json", "--threads", "1"))
            right = truth_of(exercise, told, question)
            number = not isinstance(right, list)
            marked = page.value("[...document.querySelectorAll('.exercise .right input')].map((one) => one.value)")
            report.check(f"{what}: what is right", number or sorted(marked) == sorted(right), f"{marked}\n  {right}")
            wanted = "As you said" if not number and options[0] in right else "Not as you said"
            report.check(f"{what}: {options[0]}", said == wanted, f"{said}; {right}")
            fixed = page.value(f"{begun}.querySelector('fieldset').disabled")
            report.check(f"{what}: a prediction is made once", fixed)
            check_look(report, page, where, what)
            if args.pictures:
                page.picture(os.path.join(args.pictures, f"exercise-{exercise}-{model}.png"))
            if model != models[0]:
                continue
            begin(where, exercise, model)
            said = predict(page, right if number else right[-1])
            report.check(f"{what}: {right}", said == "As you said", said)
    page.shape(1280, 900)

    begin("attention", "where", "induction")
    page.click(".exercise .go")
    time.sleep(0.3)
    report.check("no prediction, no answer", not page.value("!!document.querySelector('main .badge')"))
    page.value("document.querySelector('.exercise input').focus()")
    page.key(" ", code="Space", number=32, text=" ")
    page.key("ArrowRight", number=39)
    report.check("arrow keys choose", page.value("document.querySelector('.exercise input:checked').value") == "1")
    page.key("Enter", number=13, text="\r")
    page.wait("document.querySelector('main .badge')")
    report.check("what was found is read aloud", page.value("document.activeElement.className").startswith("badge"))
    page.click(".exercise a")
    page.wait(f"{begun}?.dataset.asked === 'where induction 4'")
    report.check("another seed is another question", not page.value("!!document.querySelector('main .badge')"))
    go(page, "attention", "exercise=nonsense")
    page.wait("document.querySelector('main .complaint')")
    go(page, "")
    page.value(f"document.querySelector(\"[data-model='{CIRCUIT}']\")?.click()")
    page.wait(f"document.getElementById('status').textContent.includes('{CIRCUIT} ')")


def boxes_open_down_to_the_weights(report, page, args):
    go(page, "model")
    for selector in (".box.block", ".box.block .box.work", ".box.block .box.work .leaf"):
        page.value("document.querySelector(%s).open = true" % json.dumps(selector))
        page.wait(f"document.querySelector({json.dumps(selector)}).childElementCount > 1")
    page.wait("document.querySelector('.leaf .map')")
    report.check("a map of weights", page.value("document.querySelector('.leaf .map').getAttribute('aria-label')")
                 .startswith("transformer.h.0.attn.c_attn.weight: q of head 0"))
    report.check("and how they are spread", page.value("document.querySelectorAll('.leaf .column').length") == 48)
    page.value("document.querySelector('.leaf .the-code').open = true")
    page.wait("document.querySelector('.leaf mark')")
    marked = page.value("document.querySelector('.leaf mark').textContent")
    report.check("and where they are made", '"attn.c_attn"' in marked, marked)


def a_step_is_recorded(report, page, args):
    """The tape of the Model page: every node once, folded by block; numbers lead to nodes, and nodes to the code."""
    go(page, "model")
    page.value("document.querySelector('[data-option=tape]').value = %s" % json.dumps(PROMPT))
    page.click("form:has([data-option=tape]) .go")
    page.wait("document.querySelectorAll('.figure .result > .box').length > 2")
    boxes = "[...document.querySelectorAll('.figure .result > .box')]"
    titles = page.value(boxes + ".map((box) => box.querySelector('b').textContent)")
    report.check("folded by block", titles == ["before the blocks", "block 0", "block 1", "behind the blocks"], titles)
    report.check("nothing is unfolded", page.value("document.querySelectorAll('.tape').length") == 0)
    page.value(boxes + ".forEach((box) => { box.open = true; })")
    page.wait("document.querySelectorAll('.tape').length === 4")
    rows = page.value("[...document.querySelectorAll('.tape tbody tr')].map((row) => [row.dataset.node, "
                      "row.cells[1].textContent.replace(/^.* weight$/, `${row.cells[1].title} weight`), "
                      "row.cells[3].textContent, row.cells[4].textContent, "
                      "row.cells[7].textContent])")
    line = page.value("document.querySelector('[aria-label=\"the tape\"] .command code').textContent")
    told = json.loads(peer.output_of(args.glass, *shlex.split(line)[1:], "--json", "--threads", "1"))["nodes"]
    shown = page.value("[...document.querySelectorAll('.tape tbody tr')].map((row) => "
                       "[8, 9].map((c) => Number(row.cells[c].textContent)))")
    good = len(shown) == len(told) and all(abs(x - y) <= 6e-4 * abs(y) for row, node in zip(shown, told)
                                           for x, y in zip(row, (node["value"], node["grad"])))
    report.check("what glass trace prints", good, f"{shown}\n  {told}")
    report.check("every node once", [row[0] for row in rows] == [str(i) for i in range(len(rows))], rows)
    made = {(int(i), int(row[0])) for row in rows for i in re.findall(r"%(\d+)", row[2])}
    read = {(int(row[0]), int(i)) for row in rows for i in re.findall(r"%(\d+)", row[3])}
    report.check("who reads whom", made == read and len(made) > 10, f"{made}\n  {read}")
    weights = [row[1] for row in rows if row[1].endswith(" weight")]
    told = page.value("document.querySelector('[aria-label=\"the tape\"] p').textContent")
    report.check("weights", f"{len(weights)} of them weights" in told and len(set(weights)) == len(weights), told)
    page.value("document.querySelectorAll('.figure .result > .box').forEach((box) => { box.open = false; })")
    page.value("document.querySelectorAll('.figure .result > .box')[3].open = true")
    number = page.value("""(() => {
      const last = document.querySelector('.figure .result > .box:last-of-type');
      const first = Number(last.querySelector('[data-node]').dataset.node);
      const to = [...last.querySelectorAll('.node-link')].find((one) => Number(one.textContent.slice(1)) < first);
      to.click();
      return to.textContent.slice(1);
    })()""")
    report.check("a number leads to its node", page.value("document.activeElement.dataset.node") == number)
    report.check("which is unfolded", page.value("!!document.activeElement.closest('details[open]')"))
    page.value("document.querySelector('.tape .quiet').click()")
    page.wait("document.querySelector('.tape mark')")
    place, words = page.value("[document.querySelector('.tape pre').getAttribute('aria-label'), "
                              "document.querySelector('.tape mark').textContent]")
    file, line = place.split(":")
    report.check("the code", words == f"{line}{(ROOT / file).read_text().splitlines()[int(line) - 1]}\n", words)
    check_look(report, page, "model", "the tape")
    if args.pictures:
        page.picture(os.path.join(args.pictures, "tape.png"))
    page.shape(390, 844, True)
    check_look(report, page, "model", "the tape on a phone")
    if args.pictures:
        page.picture(os.path.join(args.pictures, "tape-phone.png"))
    page.shape(1280, 900)
    page.value("document.querySelector('[data-option=tape]').value = 'x'")
    page.click("form:has([data-option=tape]) .go")
    page.wait("document.querySelector('main .complaint')")
    said = page.value("document.querySelector('main .complaint').textContent")
    report.check("one token is no step", "two tokens at least" in said, said)
    page.complaints.clear()   # a browser lists every refused request


def the_code_stands_behind_every_analysis(report, page, args):
    """Opened by the keyboard; what is marked is the function, and one can see it without scrolling."""
    box = "document.querySelector('main .the-code')"
    for path in [*PAGES, *REFUSING]:
        if path in ("", "model", "generate", "train", "neurons"):   # no analyses; the last has no page without mlps
            continue
        go(page, path, PAGES.get(path, ""))
        page.value(f"{box}.querySelector('summary').focus()")
        page.key("Enter", number=13, text="\r")
        buttons = page.value(f"[...{box}.querySelectorAll('.place-of')].map((one) => one.textContent)")
        for number in range(max(len(buttons), 1)):
            if number > 0:
                page.value(f"{box}.querySelectorAll('.place-of')[{number}].click()")
            # The place that its first line says; how far the marked line is below the top of what can be seen.
            page.wait(f"{box}.querySelector('mark')")
            time.sleep(0.1)   # another file is another question
            place, words, below, room = page.value(f"""(() => {{
              const pre = {box}.querySelector('pre'), mark = pre.querySelector('mark');
              return [pre.getAttribute('aria-label'), mark.textContent,
                mark.getBoundingClientRect().top - pre.getBoundingClientRect().top, pre.clientHeight];
            }})()""")
            file, line = place.split(":")
            written = (ROOT / file).read_text().split("\n")[int(line) - 1]
            report.check(f"the code of {path}: {place}", words == f"{line}{written}\n", f"{words}\n  {written}")
            name = buttons[number] if buttons else ""
            report.check(f"the code of {path}: {name}", f"{name}(" in words, words)
            if args.pictures and number == 0:
                page.picture(os.path.join(args.pictures, f"{path}-code.png"))
            report.check(f"the code of {path}: {name} is in sight", 0 <= below < room - 20, f"{below} of {room} pixels")
    go(page, "attention", PAGES["attention"])
    page.shape(390, 844)
    page.value(f"{box}.open = true")
    page.wait(f"{box}.querySelector('mark')")
    check_look(report, page, "attention", "the code on a phone,")
    page.shape(1280, 900)
    page.complaints.clear()   # a browser lists every refused request


def a_page_without_the_key_says_so(report, browser, url):
    page = browser.page()
    page.open(url.split("#")[0])
    page.wait("document.querySelector('main .complaint')")
    shown = page.value("document.querySelector('main').textContent")
    report.check("without the key", "glass serve prints" in shown, shown)
    page.close()


def a_trained_model_is_looked_into(report, page, args, run):
    """What a model without mlps cannot show."""
    for path in ["generate", "attention", "lens", "attribute", "cache", "dynamics"]:
        page.complaints.clear()
        go(page, path)
        shown = page.value("document.querySelector('main .complaint')?.textContent")
        report.check(f"a trained model's {path}", shown is None and not page.complaints, shown or page.complaints)
    go(page, "attention", "exercise=where&model=twins&seed=1")
    page.wait("document.querySelector('.exercise')")
    status = "document.getElementById('status').textContent"
    report.check("an exercise opens its own model", "handmade:twins" in page.value(status), page.value(status))
    page.value("document.querySelector('footer button').click()")
    page.wait(f"!{status}.includes('handmade')")
    report.check("and gives the way back", "1 layer of" in page.value(status), page.value(status))
    page.complaints.clear()
    go(page, "neurons", "L=0&N=3")
    shown = page.value("document.querySelector('main .complaint')?.textContent") or ""
    report.check("neurons want a scan", "scan" in shown, shown)
    page.value("document.querySelector('details button').click()")
    page.wait("document.querySelector('section.result .strip')", 120)
    told = json.loads(peer.output_of(args.glass, "interp", "neurons", "show", "0", "3", "--ckpt", run, "--json"))
    shown = page.value("document.querySelector('section.result').textContent")
    best = told["contexts"][0]
    report.check("the strongest moment", f"{best['value']:.3f} at token {best['position']}" in shown,
                 f"{shown[:500]}\n  {best}")
    go(page, "neurons", "L=0")
    shown = page.value("document.querySelector('section.result').textContent")
    report.check("a layer alone is no question", "Which neuron of layer 0? 0 .. 63." in shown, shown)
    an_autoencoder_is_trained(report, page, args, run)
    a_file_changes(report, page, run)


def an_autoencoder_is_trained(report, page, args, run):
    page.complaints.clear()
    go(page, "sae")
    shown = page.value("document.querySelector('section.result .complaint')?.textContent") or ""
    report.check("features want an autoencoder", "There is no autoencoder" in shown, shown)
    page.value("document.querySelector('.make').open = true")
    for name, value in {"features": 24, "k": 4, "steps": 1000000}.items():
        page.value("document.querySelector('.make [data-option=%s]').value = '%s'" % (name, value))
    page.click(".make .go")
    page.wait("document.querySelector('.make .progress button')", 120)
    page.click(".make .progress button")
    shown = page.value("document.querySelector('.make .result').textContent")
    report.check("a training that is stopped says so", shown == "Stopped; nothing was written.", shown)
    for name, value in {"features": 24, "k": 4, "steps": 40}.items():
        page.value("document.querySelector('.make [data-option=%s]').value = '%s'" % (name, value))
    page.click(".make .go")
    page.wait("document.querySelector('.make .result footer')", 120)
    page.wait("document.querySelector('section.result h2')")
    told = json.loads(peer.output_of(args.glass, "interp", "sae", "show", "--ckpt", run, "--json"))
    shown = page.value("document.querySelector('section.result').textContent")
    good = f"explained variance{told['explained_variance']:.4f}"
    report.check("how good it is", good in shown, f"{shown[:600]}\n  {good}")
    if args.pictures:
        page.picture(os.path.join(args.pictures, "features.png"))
    go(page, "sae", f"F={told['rows'][0]['feature'] if 'rows' in told else 0}")
    report.check("a feature", page.value("document.querySelectorAll('section.result .figure').length") > 0)
    page.complaints.clear()   # the first question was refused


def a_file_changes(report, page, run):
    newest = sorted(run.glob("ckpt-*.safetensors"))[-1]
    os.utime(newest, (1, 1))
    go(page, "lens")
    notice = page.value("document.getElementById('notice').textContent")
    report.check("a file that changed is said to have", "has changed since it was opened" in notice, notice)
    page.click("#notice [data-again]")
    page.wait("document.getElementById('notice').textContent === ''")


def a_run_is_trained(report, browser, args, folder):
    """From an empty folder to a model that is open, by buttons alone."""
    with serving(args, "--runs", folder) as url:
        page = browser.page()
        page.open(url)
        page.wait("document.querySelector('main h1')")
        go(page, "train")
        grey = "document.querySelector('[data-option=n-layer]').placeholder"
        page.wait(f"{grey} === '2'")   # of the data set that is chosen at first, names
        page.value("(() => { const box = document.querySelector('[data-option=preset]'); box.value = 'gpt2';"
                   " box.dispatchEvent(new Event('change', { bubbles: true })); })()")
        page.wait(f"{grey} === '12'")
        page.value("(() => { const box = document.querySelector('[data-option=preset]'); box.value = '';"
                   " box.dispatchEvent(new Event('change', { bubbles: true })); })()")
        page.wait(f"{grey} === '2'")
        report.check("the form shows what data and preset say", True)
        for name, value in {"n-layer": 1, "n-embd": 16, "n-head": 2, "max-iters": 1000000}.items():
            page.value("document.querySelector('[data-option=%s]').value = '%s'" % (name, value))
        page.value("document.querySelectorAll('.start details').forEach((d) => { d.open = true; })")
        for name, value in {"eval-interval": 200, "eval-iters": 1, "log-interval": 20}.items():
            page.value("document.querySelector('[data-option=%s]').value = '%s'" % (name, value))
        page.click(".start .go")
        page.wait("document.querySelector('.runs tbody tr')")
        page.wait("document.querySelector('.live .chart .line')", 120)
        for action, state in [("pause", "paused"), ("resume", "running"), ("stop", "idle")]:
            page.wait(f"document.querySelector('[data-action={action}]')")
            page.value(f"document.querySelector('[data-action={action}]').click()")
            page.wait(f"document.querySelector('.runs .state.{state}')", 120)
        page.wait("document.querySelector('[data-action=\"look inside\"]')", 120)
        titles = page.value("[...document.querySelectorAll('.live h3')].map((h) => h.textContent)")
        report.check("a trained run is drawn", "Loss" in titles and "Speed" in titles, titles)
        report.check("nobody complains", not page.complaints, page.complaints)
        if args.pictures:
            page.picture(os.path.join(args.pictures, "train-run.png"))
        page.value("document.querySelector('[data-action=\"look inside\"]').click()")
        page.wait("document.querySelector('main')?.dataset.page === 'model'")
        page.wait("document.getElementById('status').textContent.includes('1 layer of')")
        report.check("and opened", "16 channels" in page.value("document.getElementById('status').textContent"))
        a_trained_model_is_looked_into(report, page, args, next(folder.iterdir()))
        page.close()


def a_server_comes_and_goes(report, browser, args):
    """What is under way says that it was cut off; the address of the next server works in the same tab."""
    page = browser.page()
    with serving(args, "--ckpt", CIRCUIT) as url:
        page.open(url)
        page.wait("document.querySelector('main h1')")
        page.value("location.hash = '#/generate?n=100000&prompt=x'")
        page.wait("document.querySelectorAll('.written .token').length > 20")
    page.wait("document.querySelector('main .complaint')")
    shown = page.value("document.querySelector('main .complaint').textContent")
    report.check("a text that was cut off says so", "in the middle of its answer" in shown, shown)
    report.check("and what was written stays", page.value("document.querySelectorAll('.token').length") > 20)
    with serving(args, "--ckpt", CIRCUIT, "--port", url.split(":")[2].split("/")[0]) as url:
        page.open(url)
        page.wait("document.querySelector('.doors')")
        report.check("the next key works in the same tab", "#t=" not in page.value("location.href"))
    page.close()


def two_tabs_open_two_models(report, browser, args):
    """The server has one model open: a tab says which, also where another tab opened it."""
    named = "document.getElementById('status').textContent.includes('%s')"
    with serving(args, "--ckpt", CIRCUIT) as url:
        one, two = browser.page(), browser.page()
        for page in (one, two):
            page.open(url)
            page.wait("document.querySelector('.doors')")
        go(one, "attention", f"prompt={PROMPT}")
        two.click("[data-model='handmade:twins']")
        two.wait(named % "handmade:twins")
        one.click(".go")
        one.wait(named % "handmade:twins")
        report.check("an answer renames the model",
                     "handmade:twins" in one.value("document.querySelector('footer.from').textContent"))
        go(two, "")
        two.click("[data-model='handmade:soft']")
        two.wait(named % "handmade:soft")
        go(one, "model")
        report.check("a page begins with the model that is open", one.value(named % "handmade:soft"))
        one.close()
        two.close()


def end_trainings(folder):
    """A training outlives the page and the server; a test that went wrong must not leave one behind."""
    for lock in folder.glob("*/.lock"):
        number = lock.read_text().strip()
        with contextlib.suppress(OSError):
            if number.isdigit() and "train" in pathlib.Path(f"/proc/{number}/cmdline").read_text():
                os.kill(int(number), signal.SIGKILL)


TESTS = [every_page_opens, pages_that_cannot_answer_say_why, numbers_are_those_of_the_commands,
         both_grids_are_read_together, a_cell_says_its_number,
         colours_are_those_of_the_commands, every_control_answers, heads_are_switched_off, what_is_typed_is_text,
         sentences_speak_of_fields, who_leaves_ends_the_analysis, only_the_newest_answer_counts, a_model_writes,
         a_model_is_steered, boxes_open_down_to_the_weights, a_step_is_recorded,
         predictions_are_held_against_the_analysis,
         the_code_stands_behind_every_analysis]


def main():
    options = peer.parser(__doc__)
    options.add_argument("--pictures", help="a folder for pictures of all pages")
    options.add_argument("--web-dir", help="try the page in this folder, not the one in the program")
    options.add_argument("--only", default="", help="only tests with this in their name")
    args = options.parse_args()
    report = peer.Report()
    if find_chromium() is None:
        report.skip("web_page", "Chromium is not installed")
        return report.end()
    with peer.folder() as folder, Browser() as browser:
        wanted = [test for test in TESTS if args.only in test.__name__]
        run = folder / "evil" / EVIL
        run.mkdir(parents=True)
        (run / "metrics.jsonl").write_text('{"step": 0, "train_loss": 3.3, "val_loss": 3.4}\n')
        with serving(args, "--ckpt", CIRCUIT, "--runs", run.parent) as url:
            page = browser.page()
            page.open(url)
            page.wait("document.querySelector('main h1')")
            for test in wanted:
                page.complaints.clear()
                try:
                    test(report, page, args)
                except BrowserError as error:
                    report.check(test.__name__, False, f"{error}; {page.complaints}")
                report.check(f"{test.__name__}: nobody complains", not page.complaints, page.complaints)
            if args.only in "a_page_without_the_key_says_so":
                a_page_without_the_key_says_so(report, browser, url)
        for test in (a_server_comes_and_goes, two_tabs_open_two_models):
            if args.only in test.__name__:
                try:
                    test(report, browser, args)
                except BrowserError as error:
                    report.check(test.__name__, False, error)
        if args.only in "a_run_is_trained":
            try:
                a_run_is_trained(report, browser, args, folder / "runs")
            except BrowserError as error:
                report.check("a_run_is_trained", False, error)
            finally:
                end_trainings(folder / "runs")
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
