"""What the tests beside this file share: how a command is run, how checks are counted, how a test is skipped.

    import peer
    torch, = peer.needs("torch")             # without it the test ends here, and says so
    args = peer.parser(__doc__).parse_args()
    report = peer.Report()
    with peer.folder() as folder:
        done = peer.run(args.glass, "logits", "--ckpt", folder / "run", "--prompt", "a")
        report.check("glass logits", done.returncode == 0, done.stderr)
    return report.end()

The last line of a test is "N passed, N failed, N skipped": tests/summary.py adds these up, and a skipped part needs a row
in tests/QUARANTINE.md. A skip is no failure: the exit code stays 0. Python finds this module from wherever a test is
started, since the folder of a script is the first in which it looks.
"""
import argparse
import contextlib
import importlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"          # public data, where somebody has put them there
DEEP = os.environ.get("GLASS_DEEP") == "1"        # longer, with more of everything


def parser(doc):
    """The options of a test, which begin with the program that is tested."""
    options = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--glass", required=True, type=os.path.abspath, help="the program under test")
    return options


def needs(*names):
    """These modules; where one is not installed, the whole test is skipped."""
    try:
        return [importlib.import_module(name) for name in names]
    except ImportError as missing:
        print(f"skipped: {missing}\n0 passed, 0 failed, 1 skipped")
        sys.exit(0)


def golden(name):
    """The module tests/golden/NAME.py."""
    sys.path.insert(0, str(ROOT / "tests" / "golden"))
    return importlib.import_module(name)


def folder_with(file, *places):
    """The first of these folders that holds the file; None if there is none. A place may be None or empty."""
    return next((str(place) for place in places if place and os.path.isfile(os.path.join(place, file))), None)


@contextlib.contextmanager
def folder():
    """A new folder, as a pathlib.Path; gone with all that is in it at the end of the block."""
    with tempfile.TemporaryDirectory() as name:
        yield pathlib.Path(name)


def run(*command, **more):
    """A command, run to its end: its returncode, and its stdout and stderr as text."""
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, encoding="utf-8",
                          errors="replace", **more)


def output_of(*command, **more):
    """What a command says; one that ends badly ends the test."""
    done = run(*command, **more)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout


def logits_of(glass, checkpoint, said, folder):
    """What `glass logits` computes of "--tokens 1,2" or "--prompt TEXT" (said: these words), and its output; or None, and
    why not."""
    numpy, = needs("numpy")
    table = pathlib.Path(folder) / "logits.npy"
    done = run(glass, "logits", "--ckpt", checkpoint, *said, "-o", table, "--json")
    return (None, done.stderr) if done.returncode else (numpy.load(table), json.loads(done.stdout))


def tokens(ids):
    """These ids, as an option of glass."""
    return "--tokens", ",".join(map(str, ids))


def read_safetensors(path):
    """{name: (type, shape, bytes)}, and the notes. Ten lines instead of a package, so that nothing else can be wrong."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    notes = header.pop("__metadata__", {})
    return {name: (entry["dtype"], tuple(entry["shape"]), data[slice(*entry["data_offsets"])])
            for name, entry in header.items()}, notes


class Report:
    """Counts checks, and prints those that fail."""

    def __init__(self):
        self.passed, self.failed, self.skipped = 0, 0, 0

    def count(self, good):
        """A check that says itself how it went."""
        self.passed += bool(good)
        self.failed += not good

    def check(self, what, good, detail=""):
        self.count(good)
        if not good:
            print(f"FAILED: {what}\n  {str(detail)[:3000]}")

    def skip(self, what, why):
        """A part that cannot run here."""
        self.skipped += 1
        print(f"skipped {what}: {why}")

    def end(self):
        """The last line, and the exit code."""
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        return 1 if self.failed else 0
