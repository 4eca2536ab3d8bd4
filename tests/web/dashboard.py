"""What the tests of the dashboard share: a server of their own, a page in Chromium without a window (browser.py), the
ways through it, and what they read from it.

    import dashboard
    from dashboard import check_look, go

    def a_page_opens(report, page, args): ...          # the circuit by hand is open
    def a_server_ends(report, browser, args, folder): ...   # begins what it needs itself

    sys.exit(dashboard.run(__doc__, "web_page", [a_page_opens], [a_server_ends]))
"""
import contextlib
import json
import pathlib
import struct
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "peers"))
import peer  # noqa: E402
from browser import Browser, BrowserError, find_chromium  # noqa: E402

CIRCUIT = "handmade:induction"
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


def open_page(browser, url):
    """A tab that shows the first page."""
    page = browser.page()
    page.open(url)
    page.wait("document.querySelector('main h1')")
    return page


def options_of(doc):
    options = peer.parser(doc)
    options.add_argument("--pictures", help="a folder for pictures of what is seen")
    options.add_argument("--web-dir", help="try the page in this folder, not the one in the program")
    options.add_argument("--only", default="", help="only tests with this in their name")
    return options


def attempt(report, test, *given):
    try:
        test(report, *given)
    except BrowserError as error:
        report.check(test.__name__, False, error)


def run(doc, name, tests=(), with_servers=()):
    """All tests of a program: `tests` share one tab of one server, those of `with_servers` begin their own. The exit
    code."""
    args = options_of(doc).parse_args()
    report = peer.Report()
    if find_chromium() is None:
        report.skip(name, "Chromium is not installed")
        return report.end()
    tests = [test for test in tests if args.only in test.__name__]
    with peer.folder() as folder, Browser() as browser:
        if tests:
            with serving(args, "--ckpt", CIRCUIT, "--runs", folder / "none") as url:
                page = open_page(browser, url)
                for test in tests:
                    page.complaints.clear()
                    attempt(report, test, page, args)
                    report.check(f"{test.__name__}: nobody complains", not page.complaints, page.complaints)
        for test in with_servers:
            if args.only in test.__name__:
                attempt(report, test, browser, args, folder)
    return report.end()
