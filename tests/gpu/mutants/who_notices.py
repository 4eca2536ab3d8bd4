"""Switches on one mistake in the GPU kernels after the other and prints who noticed it: the numbers (parity with the
reference, between guard pages), the emulator (barriers, warps, memory of the group), the race detector.

    who_notices.py --checks BUILD/kernel_mutants --mutants BUILD/tests/gpu/mutants/mutants.json [--only WORD] [--all] [--verbose]

Without a mistake nobody may notice anything; with any, somebody must, and a missing barrier the race detector. Races are
looked for where nothing else noticed, with --all (and in deep tests) everywhere.
"""

import collections
import concurrent.futures
import os
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "mutants"))
from run import arguments, bugs_of  # noqa: E402

SECONDS = 120        # more than any of them takes
WHO = ("numbers", "emulator", "races")


def notice(checks, number, way, rows):
    """What was said, beginning with who noticed; '' if nobody did."""
    try:
        done = subprocess.run([checks, str(number), way, *rows], capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return "emulator: still running"
    if done.returncode < 0:      # a page that may not be touched
        return f"numbers: ended by signal {-done.returncode}"
    return done.stdout.strip() if done.returncode else ""


def notices(checks, bug, both):
    said = [notice(checks, bug["number"], "numbers", bug["rows"])]
    if both or not said[0] or bug["class"] == "missing barrier":
        said.append(notice(checks, bug["number"], "races", bug["rows"]))
    return [words for words in said if words]


def main():
    options = arguments(__doc__)
    options.add_argument("--all", action="store_true", default=os.environ.get("GLASS_DEEP") == "1", help="ask both ways")
    options = options.parse_args()
    bugs = bugs_of(options)

    start = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        every_row = sorted({row for b in bugs for row in b["rows"]}) or [""]
        healthy = [{"number": 0, "class": "none", "rows": [row] if row else []} for row in every_row]
        heard = pool.map(lambda b: notices(options.checks, b, True), healthy)
        found = list(pool.map(lambda b: notices(options.checks, b, options.all), bugs))
        for row, said in zip(every_row, heard):
            if said:
                sys.exit(f"noticed without any mistake, in {row or 'the table'}: {said[0]}")

    print(f'{"where":37} {"mistake":30}', *WHO)
    times, survivors = collections.Counter(), []
    for b, said in zip(bugs, found):
        who = {words.split(":")[0] for words in said}
        times.update(who)
        if not who or (b["class"] == "missing barrier" and "races" not in who):
            survivors.append(b)
        where = f'{b["file"].removeprefix("kernels/gpu/")} {b["op"]}'
        print(f'{where:37} {b["class"]:30}', *[f'{"x" if w in who else "-":{len(w)}}' for w in WHO])
        if options.verbose:
            print("", b["number"], f'line {b["line"]}: {b["change"]}', *said, sep="\n    ")
    print(f"{len(bugs) - len(survivors)} of {len(bugs)} mistakes noticed in {time.monotonic() - start:.0f} s: "
          + ", ".join(f"{times[w]} by {w}" for w in WHO) + "; without a mistake, by nobody")
    for b in survivors:
        print(f'survivor {b["number"]}: {b["file"]}:{b["line"]}, {b["class"]}: {b["change"]}')
    print(f"{len(bugs) - len(survivors)} passed, {len(survivors)} failed, 0 skipped")
    sys.exit(1 if survivors or not bugs else 0)


if __name__ == "__main__":
    main()
