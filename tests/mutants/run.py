"""Switches on one bug after the other and says which of them the gradient checks did not notice.

    run.py --checks BUILD/glass_mutants --mutants BUILD/tests/mutants/mutants.json [--only CLASS-OR-OP] [--verbose]

Without a bug the checks must pass; with any bug they must not. A crash or an endless loop is noticed too.
"""

import argparse
import collections
import concurrent.futures
import json
import os
import subprocess
import sys
import time

ROUNDS = 24          # cases of each op
SECONDS = 120        # more than the checks ever take


def caught(checks, number):
    """How a bug was noticed; None if it was not."""
    try:
        done = subprocess.run([checks, str(number), str(ROUNDS)], capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"still running after {SECONDS} s"
    if done.returncode < 0:
        return f"ended by signal {-done.returncode}"
    return done.stdout.strip() or f"exit code {done.returncode}" if done.returncode else None


def arguments(description):
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--checks", required=True)
    options.add_argument("--mutants", required=True)
    options.add_argument("--only", help="a word in the class, the op or the file of the bugs to try")
    options.add_argument("--verbose", action="store_true", help="say how each bug was noticed")
    return options


def bugs_of(options):
    with open(options.mutants, encoding="utf-8") as file:
        bugs = json.load(file)
    return [b for b in bugs if not options.only or options.only in " ".join((b["class"], b["op"], b["file"]))]


def main():
    options = arguments(__doc__).parse_args()
    bugs = bugs_of(options)
    start = time.monotonic()
    healthy = caught(options.checks, 0)
    if healthy is not None:
        sys.exit(f"the checks fail without any bug: {healthy}")
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        notices = list(pool.map(lambda b: caught(options.checks, b["number"]), bugs))
    seconds = time.monotonic() - start

    survivors = [b for b, notice in zip(bugs, notices) if notice is None]
    classes = collections.Counter(b["class"] for b in bugs)
    lost = collections.Counter(b["class"] for b in survivors)
    if options.verbose:
        for b, notice in zip(bugs, notices):
            print(f'{b["number"]} {b["file"]}:{b["line"]} {b["class"]}: {b["change"]}\n    {notice or "NOT NOTICED"}')
    for kind, count in classes.most_common():
        print(f"{count - lost[kind]:4} of {count:3} caught: {kind}")
    print(f"{len(bugs) - len(survivors)} of {len(bugs)} bugs caught in {seconds:.0f} s; without a bug, the checks pass")
    for b in survivors:
        print(f'survivor {b["number"]}: {b["file"]}:{b["line"]}, {b["class"]}: {b["change"]}')
    print(f"{len(bugs) - len(survivors)} passed, {len(survivors)} failed, 0 skipped")
    sys.exit(1 if survivors or not bugs else 0)


if __name__ == "__main__":
    main()
