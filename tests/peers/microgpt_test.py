#!/usr/bin/env python3
"""`glass micro` against Python, live: every line must be the same.

    python3 tests/peers/microgpt_test.py --glass build/release/glass [--steps 1000] [--peer microgpt.py]

Runs our own twin (tests/peers/microgpt.py) on data/names.txt and, where it is found in GLASS_DATA or ../shared/data, on
the public list of names. With --peer FILE the original runs instead: it takes its names from input.txt in its folder,
does its 1,000 steps, and its carriage returns become line ends before the comparison.
"""
import argparse
import os
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def public_names():
    for folder in (os.environ.get("GLASS_DATA", ""), os.path.join(ROOT, "..", "shared", "data")):
        path = os.path.join(folder, "names.txt")
        if folder and os.path.isfile(path):
            return path
    return None


def output_of(command, **more):
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", **more)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
    return done.stdout.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def lines_of_python(names, args):
    if not args.peer:
        twin = os.path.join(ROOT, "tests", "peers", "microgpt.py")
        return output_of([sys.executable, twin, names, "--steps", str(args.steps)])
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(names, os.path.join(folder, "input.txt"))
        return output_of([sys.executable, os.path.abspath(args.peer)], cwd=folder)


def compare(what, names, args):
    """True if every line is the same."""
    expected = lines_of_python(names, args)
    got = output_of([args.glass, "micro", names, "--steps", str(args.steps)])
    for number, (e, g) in enumerate(zip(expected + [None], got + [None]), 1):
        if e != g:
            print(f"{what}: FAILED at line {number}\n  python: {e}\n  glass:  {g}")
            return False
    print(f"{what}: {len(got) - 1} equal lines, {args.steps} losses among them")
    return True


def main():
    deep = os.environ.get("GLASS_DEEP") == "1"
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--glass", required=True, help="the program under test")
    parser.add_argument("--steps", type=int, default=1000 if deep else 10)
    parser.add_argument("--peer", help="a microgpt.py to run instead of our twin; it decides the number of steps, 1000")
    args = parser.parse_args()
    if args.peer:
        args.steps = 1000

    verdicts = [compare("data/names.txt", os.path.join(ROOT, "data", "names.txt"), args)]
    skipped = 0
    if public_names():
        verdicts.append(compare("the public names", public_names(), args))
    else:
        print("the public names: skipped, names.txt is neither in GLASS_DATA nor in ../shared/data")
        skipped = 1
    print(f"{sum(verdicts)} passed, {verdicts.count(False)} failed, {skipped} skipped")
    return 0 if all(verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
