#!/usr/bin/env python3
"""Adds up what the tests of one or more ctest runs reported, and decides whether that is good enough.

    python3 tests/summary.py --floor tests/floor.txt --quarantine tests/QUARANTINE.md build/release/tests.xml ...

A ctest entry is one of three kinds. A GoogleTest program counts with each of its cases. A script that ends with a line
"N passed, N failed, N skipped" counts as it says. Anything else counts as one. A program that ends badly without saying
which case failed (it crashed, or ran out of time) counts as one failure.
Not good enough: a failure; a skipped case without a row in the quarantine; fewer passed cases than the floor.
"""
import argparse
import fnmatch
import re
import sys
import xml.etree.ElementTree as ElementTree

CASE = re.compile(r"^\[ *(OK|FAILED|SKIPPED) *\] (\S+?)(?:, where .*)? \(\d+ ms\)$", re.M)
SCRIPT = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", re.M)


class Total:
    def __init__(self):
        self.passed = 0
        self.failed, self.skipped = [], []         # names


def add_program(total, name, ended_well, output):
    """What one ctest entry contributes."""
    cases, script = CASE.findall(output), SCRIPT.findall(output)
    failed = [case for verdict, case in cases if verdict == "FAILED"]
    if cases:
        total.passed += sum(verdict == "OK" for verdict, _ in cases)
        total.skipped += [case for verdict, case in cases if verdict == "SKIPPED"]
        total.failed += failed
    elif script:
        passed, script_failed, skipped = (int(n) for n in script[-1])
        failed = [name] * script_failed
        total.passed += passed
        total.failed += failed
        total.skipped += [name] * skipped
    elif ended_well:
        total.passed += 1
    if not ended_well and not failed:
        total.failed.append(name + " (ended badly)")


def add_report(total, path):
    root = ElementTree.parse(path).getroot()
    programs = list(root.iter("testcase"))
    if not programs:
        total.failed.append(path + " (holds no test)")
    for program in programs:
        output = program.findtext("system-out") or ""
        add_program(total, program.get("name"), program.get("status") == "run", output)


def quarantined(path):
    """The patterns in the first column of the table, without the heading."""
    with open(path, encoding="utf-8") as file:
        rows = [line.split("|") for line in file if line.startswith("|")]
    return [row[1].strip().strip("`") for row in rows[2:]]


def main(arguments=None):
    parser = argparse.ArgumentParser(description="Adds up the results of tests.")
    parser.add_argument("--floor", required=True)
    parser.add_argument("--quarantine", required=True)
    parser.add_argument("reports", nargs="+")
    args = parser.parse_args(arguments)

    total = Total()
    for report in args.reports:
        try:
            add_report(total, report)
        except (OSError, ElementTree.ParseError) as error:
            total.failed.append(f"{report} ({error})")
    with open(args.floor, encoding="utf-8") as file:
        floor = int(file.read())

    patterns = quarantined(args.quarantine)
    good = True
    for name in total.failed:
        good = False
        print(f"failed: {name}")
    for name in total.skipped:
        known = any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
        good = good and known
        print(f"skipped: {name}" + ("" if known else f"  <- without a row in {args.quarantine}"))
    if total.passed < floor:
        good = False
        print(f"only {total.passed} cases passed; {args.floor} asks for {floor}: did some stop being built or run?")
    print(f"{total.passed} passed, {len(total.failed)} failed, {len(total.skipped)} skipped")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
