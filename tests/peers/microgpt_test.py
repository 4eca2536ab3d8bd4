#!/usr/bin/env python3
"""`glass micro` against Python, live: every line must be the same.

    python3 tests/peers/microgpt_test.py --glass build/release/glass [--steps 1000] [--peer microgpt.py]

Runs our own twin (tests/peers/microgpt.py) on data/names.txt and, where it is found in GLASS_DATA or ../shared/data, on
the public list of names. With --peer FILE the original runs instead: it takes its names from input.txt in its folder,
does its 1,000 steps, and its carriage returns become line ends before the comparison.
"""
import os
import shutil
import sys

import peer


def public_names():
    folder = peer.folder_with("names.txt", os.environ.get("GLASS_DATA"), peer.SHARED)
    return folder and os.path.join(folder, "names.txt")


def lines_of(*command, **more):
    return peer.output_of(*command, **more).split("\n")   # of every kind of line end Python has made this one


def lines_of_python(names, args):
    if not args.peer:
        return lines_of(sys.executable, peer.ROOT / "tests" / "peers" / "microgpt.py", names, "--steps", args.steps)
    with peer.folder() as folder:
        shutil.copy(names, folder / "input.txt")
        return lines_of(sys.executable, os.path.abspath(args.peer), cwd=folder)


def compare(what, names, args):
    """True if every line is the same."""
    expected = lines_of_python(names, args)
    got = lines_of(args.glass, "micro", names, "--steps", args.steps)
    for number, (e, g) in enumerate(zip(expected + [None], got + [None]), 1):
        if e != g:
            print(f"{what}: FAILED at line {number}\n  python: {e}\n  glass:  {g}")
            return False
    print(f"{what}: {len(got) - 1} equal lines, {args.steps} losses among them")
    return True


def main():
    parser = peer.parser(__doc__)
    parser.add_argument("--steps", type=int, default=1000 if peer.DEEP else 10)
    parser.add_argument("--peer", help="a microgpt.py to run instead of our twin; it decides the number of steps, 1000")
    args = parser.parse_args()
    if args.peer:
        args.steps = 1000

    report = peer.Report()
    report.count(compare("data/names.txt", peer.ROOT / "data" / "names.txt", args))
    if public_names():
        report.count(compare("the public names", public_names(), args))
    else:
        report.skip("the public names", "names.txt is neither in GLASS_DATA nor in ../shared/data")
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
