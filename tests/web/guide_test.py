#!/usr/bin/env python3
"""The guide in a real browser: every section is used as a reader would, and what it says is held to `glass micro`.

    python3 tests/web/guide_test.py --glass build/release/glass [--pictures DIR] [--web-dir tools/web]
    python3 tests/web/guide_test.py --glass build/release/glass --page build/wasm/glass.html

With --page it is the page without a server that is tried, which computes inside of the browser. Without Chromium the test
is skipped.
"""
import contextlib
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "peers"))
import peer  # noqa: E402
from browser import Browser, BrowserError, find_chromium  # noqa: E402
from dashboard import OVERLAPS, serving  # noqa: E402

SECTIONS = ["tokens", "values", "weights", "forward", "attention", "train", "write", "engines"]


# The four letters whose numbers are most like those of a, in the order of the alphabet.
ALIKE = ("[...document.querySelectorAll('#guide-weights .bars th')].slice(0, 4).map((c) => c.textContent).sort()"
         ".join('')")


def text(page, selector):
    return page.value("document.querySelector(%s)?.textContent ?? ''" % json.dumps(selector))


def press(page, section, words):
    """The button of a section whose words begin like this."""
    page.value("[...document.querySelectorAll('#guide-%s button')].find((b) => b.textContent.startsWith(%s)).click()"
               % (section, json.dumps(words)))


def fill(page, selector, value):
    page.value("(() => { const e = document.querySelector(%s); e.value = %s;"
               " e.dispatchEvent(new Event('input', {bubbles: true})); })()" % (json.dumps(selector), json.dumps(value)))


def quiet(page):
    page.wait("!document.querySelector('.guide [aria-busy]')")


def open_guide(page, url):
    page.open(url)
    page.wait("document.querySelector('main h1')")
    page.value("location.hash = '#/guide'")
    page.wait("document.querySelector('main')?.dataset.page === 'guide'")
    page.wait("document.querySelector('#guide-attention .map svg') && document.querySelector('#guide-weights .map svg')")
    quiet(page)
    page.complaints.clear()


def names_are_tokens(report, page, args):
    fill(page, "#guide-tokens input", "zoe")
    page.wait("document.querySelectorAll('#guide-tokens .chip').length === 5")
    shown = page.value("[...document.querySelectorAll('#guide-tokens .chip')].map((c) => c.textContent)")
    report.check("the tokens of zoe", shown == ["BOS26", "z25", "o14", "e4", "BOS26"], shown)
    page.wait("document.querySelectorAll('#guide-forward .chips button').length === 4")
    quiet(page)
    fill(page, "#guide-tokens input", "x9")
    page.wait("document.querySelector('#guide-tokens .complaint')")
    report.check("a letter that no name has", "No name" in text(page, "#guide-tokens .complaint"),
                 text(page, "#guide-tokens .complaint"))
    fill(page, "#guide-tokens input", "emma")
    page.wait("document.querySelectorAll('#guide-forward .chips button').length === 5")


def backward_goes_edge_by_edge(report, page, args):
    report.check("the loss begins with gradient 1", "Its own gradient is 1" in text(page, "#guide-values .sentence"))
    said = []
    for _ in range(4):
        press(page, "values", "next")
        said.append(text(page, "#guide-values .sentence").split(":")[0] + text(page, "#guide-values .sentence")
                    .split("That makes")[1].split(".")[0])
    report.check("the trap, edge by edge", said == ["b.grad += 1 × 1 b", "b.grad += 1 × 1 b", "a.grad += 1 × 2 a",
                                                    "a.grad += 1 × 2 a"], said)
    report.check("a = 1; b = a + a; c = b + b", "a.grad = 4" in text(page, "#guide-values .sentence"),
                 text(page, "#guide-values .sentence"))
    page.click("#guide-forget")
    report.check("gradients that are written over one another", "a.grad should be 4, b.grad should be 2" in
                 text(page, "#guide-values .sentence") or "b.grad should be 2" in text(page, "#guide-values .sentence"),
                 text(page, "#guide-values .sentence"))
    page.click("#guide-forget")
    page.wait("document.querySelector('#guide-values mark')?.textContent.includes('operator+')")
    page.value("document.querySelector('#guide-values .stepper input').focus()")
    page.key("ArrowLeft", number=37)
    report.check("arrow keys step", text(page, "#guide-values .place") == "4 of 5", text(page, "#guide-values .place"))
    fill(page, "#guide-values textarea", "a = 2\nb = a ^ 3 +")
    page.wait("document.querySelector('#guide-values .complaint')")
    report.check("half a program", "is missing" in text(page, "#guide-values .complaint"))
    fill(page, "#guide-values textarea", "a = 2\nb = a ^ 3")
    page.wait("document.querySelector('#guide-values svg')")
    page.value("document.querySelector('#guide-values details').open = true")
    press(page, "values", "next")
    cells = page.value("[...document.querySelectorAll('#guide-values table tr:nth-child(1) td')].map((c) => c.textContent)")
    report.check("d(a^3)/da at 2", cells[-1] == "12", cells)


def every_vector_has_its_line(report, page, args):
    marks = set()
    for i in range(16):
        page.wait("document.querySelector('#guide-forward mark')")
        page.wait("document.querySelector('#guide-forward .place').textContent === '%d of 16'" % (i + 1))
        page.value("new Promise((done) => setTimeout(done, 30))")
        marks.add(text(page, "#guide-forward mark"))
        press(page, "forward", "next")
    report.check("lines of the program", len(marks) == 12, sorted(marks))
    report.check("the last one says what came", "with probability" in text(page, "#guide-forward .sentence"))


def it_learns_as_glass_micro(report, page, args):
    told = json.loads(peer.output_of(args.glass, "micro", "--steps", "1000", "--json"))
    press(page, "train", "one step")
    page.wait("document.querySelector('#guide-train .sentence').textContent.startsWith('1 of 1000')")
    press(page, "train", "1. gradients")
    page.wait("document.querySelector('#guide-train .gallery')")
    report.check("the loss before the second step", f"{told['losses'][1]:.3f}" in text(page, "#guide-train .result"),
                 text(page, "#guide-train .result .sentence"))
    press(page, "train", "2. learn")
    page.wait("document.querySelector('#guide-train .sentence').textContent.startsWith('2 of 1000')")
    press(page, "train", "train")
    page.wait("document.querySelector('#guide-train .sentence').textContent.startsWith('1000 of 1000')", 120)
    mean = sum(told["losses"][-50:]) / 50
    report.check("the mean of the last steps", f"is {mean:.3f}" in text(page, "#guide-train .sentence"),
                 f"{text(page, '#guide-train .sentence')}; glass micro: {mean}")
    page.wait(f"{ALIKE} === 'eiou'")   # vowels have found each other
    dashes = [page.value("[...document.querySelectorAll('#guide-train .%s path.reference')].map((line) => "
                         "getComputedStyle(line).strokeDasharray)" % part) for part in ("plot", "keys")]
    report.check("three lines, told apart in the legend", dashes[0] == dashes[1] and len(set(dashes[0])) == 3, dashes)


def names_that_do_not_come_hide_nothing(report, page, args):
    """The names on the way are an extra: without them a training still ends, and the weights are the new ones."""
    press(page, "train", "begin again")
    page.wait(f"{ALIKE} !== 'eiou'")
    page.value("""(() => { const ask = window.fetch;
      window.fetch = (path, ...more) => (String(path).endsWith('/sample') ? Promise.reject(new TypeError('gone'))
        : ask(path, ...more)); window.as_before = () => { window.fetch = ask; }; })()""")
    try:
        press(page, "train", "train")
        page.wait("document.querySelector('#guide-train .sentence').textContent.startsWith('1000 of 1000')", 120)
        page.wait(f"{ALIKE} === 'eiou'")
    finally:
        page.value("window.as_before()")


def it_writes(report, page, args):
    press(page, "write", "ten names")
    page.wait("document.querySelector('#guide-write .sentence').textContent.split(', ').length === 10")
    fill(page, "#guide-write input", "0.1")
    quiet(page)
    for _ in range(16):
        if page.value("document.querySelector('#guide-write .go').disabled"):
            break
        press(page, "write", "draw")
        page.value("new Promise((done) => setTimeout(done, 50))")
        quiet(page)
    report.check("a name ends", "BOS came" in text(page, "#guide-write .sentence"), text(page, "#guide-write .sentence"))


def both_engines_run(report, page, args):
    press(page, "engines", "run both")
    page.wait("document.querySelector('#guide-engines table')", 120)
    report.check("two engines, one loss", "The losses differ by" in text(page, "#guide-engines .sentence"))


def guesses_are_answered(report, page, args):
    for section in SECTIONS:
        page.value("document.querySelector('#guide-%s .predict button').click()" % section)
        answer = text(page, f"#guide-{section} .answer")
        report.check(f"a guess in {section}", answer.startswith(("Yes. ", "No, it is: ")), answer)


def it_fits(report, page, args):
    for what, width, height, dark in [("light", 1280, 900, False), ("dark", 1280, 900, True), ("phone", 390, 844, False)]:
        page.shape(width, height, dark)
        page.value("new Promise((done) => setTimeout(done, 300))")
        wide = page.value("document.documentElement.scrollWidth - innerWidth")
        report.check(f"{what}: nothing sticks out", wide <= 0, f"{wide} pixels")
        report.check(f"{what}: labels do not touch", page.value(OVERLAPS) == [], page.value(OVERLAPS))
        if args.pictures:
            page.picture(os.path.join(args.pictures, f"guide-{what}.png"))


TESTS = [names_are_tokens, backward_goes_edge_by_edge, every_vector_has_its_line, it_learns_as_glass_micro,
         names_that_do_not_come_hide_nothing, it_writes,
         both_engines_run, guesses_are_answered, it_fits]


@contextlib.contextmanager
def address(args):
    if args.page:
        yield pathlib.Path(args.page).resolve().as_uri()
        return
    with serving(args) as url:
        yield url


def main():
    options = peer.parser(__doc__)
    options.add_argument("--pictures", help="a folder for pictures")
    options.add_argument("--web-dir", help="try the page in this folder, not the one in the program")
    options.add_argument("--page", help="a page that needs no server")
    args = options.parse_args()
    report = peer.Report()
    if find_chromium() is None:
        report.skip("web_guide", "Chromium is not installed")
        return report.end()
    if args.page and not os.path.exists(args.page):
        report.skip("web_guide_alone", f"{args.page} is not there: cmake --preset wasm && cmake --build --preset wasm")
        return report.end()
    with address(args) as url, Browser() as browser:
        page = browser.page()
        open_guide(page, url)
        for test in TESTS:
            try:
                test(report, page, args)
            except BrowserError as error:
                report.check(test.__name__, False, f"{error}; {page.complaints}")
        # Two questions above are refused on purpose, which a browser notes.
        others = [said for said in page.complaints if "/api/micro/tokens" not in said and "/api/micro/value" not in said]
        report.check("nobody complains", not others, others)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
