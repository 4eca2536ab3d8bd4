#!/usr/bin/env python3
"""The judge of all tests, judged: every way in which a run is not good enough must be noticed."""
import contextlib
import fnmatch
import io
import os
import pathlib
import re
import sys
import tempfile
from xml.sax.saxutils import escape

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import summary   # noqa: E402

GOOGLE = "[ RUN      ] A.B\n[       OK ] A.B (1 ms)\n[       OK ] A.C/3 (0 ms)\n[  PASSED  ] 2 tests.\n"
SKIPS = "[       OK ] A.B (1 ms)\n[  SKIPPED ] A.Skips (0 ms)\n[  SKIPPED ] 1 test, listed below:\n[  SKIPPED ] A.Skips\n"
FAILS = ("[       OK ] A.B (1 ms)\n[  FAILED  ] A.D/1, where GetParam() = 3 (2 ms)\n"
         "[  FAILED  ] 1 test, listed below:\n[  FAILED  ] A.D/1, where GetParam() = 3\n 1 FAILED TEST\n")


def judged(programs, floor=0, quarantine=()):
    """(exit code, last line) for a run of programs: (name, status, output)."""
    with tempfile.TemporaryDirectory() as folder:
        report, floor_file, rows = (os.path.join(folder, name) for name in ("tests.xml", "floor", "rows"))
        with open(report, "w", encoding="utf-8") as file:
            file.write("<testsuite>")
            for name, status, output in programs:
                file.write(f'<testcase name="{name}" status="{status}"><system-out>{escape(output)}</system-out></testcase>')
            file.write("</testsuite>")
        with open(floor_file, "w", encoding="utf-8") as file:
            file.write(f"{floor}\n")
        with open(rows, "w", encoding="utf-8") as file:
            file.write("| test | why |\n|---|---|\n" + "".join(f"| `{name}` | a reason |\n" for name in quarantine))
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            code = summary.main(["--floor", floor_file, "--quarantine", rows, report])
        return code, printed.getvalue().strip().split("\n")[-1]


CASES = [
    ("cases of a program are counted", judged([("a", "run", GOOGLE)]), (0, "2 passed, 0 failed, 0 skipped")),
    ("a script counts as it says", judged([("s", "run", "hello\n3 passed, 0 failed, 0 skipped\n")]), (0, "3 passed, 0 failed, 0 skipped")),
    ("a plain program counts as one", judged([("p", "run", "hello\n")]), (0, "1 passed, 0 failed, 0 skipped")),
    ("programs add up", judged([("a", "run", GOOGLE), ("p", "run", "")]), (0, "3 passed, 0 failed, 0 skipped")),
    ("a failed case fails", judged([("a", "fail", FAILS)]), (1, "1 passed, 1 failed, 0 skipped")),
    ("a crash is a failure", judged([("a", "fail", "[       OK ] A.B (1 ms)\n[ RUN      ] A.C\n")]), (1, "1 passed, 1 failed, 0 skipped")),
    ("a failed script fails", judged([("s", "fail", "1 passed, 2 failed, 0 skipped\n")]), (1, "1 passed, 2 failed, 0 skipped")),
    ("a script that dies after its verdict fails", judged([("s", "fail", "1 passed, 0 failed, 0 skipped\n")]), (1, "1 passed, 1 failed, 0 skipped")),
    ("a plain program that fails fails", judged([("p", "fail", "")]), (1, "0 passed, 1 failed, 0 skipped")),
    ("a program that was not run fails", judged([("p", "notrun", "")]), (1, "0 passed, 1 failed, 0 skipped")),
    ("a skip without a row fails", judged([("a", "run", SKIPS)]), (1, "1 passed, 0 failed, 1 skipped")),
    ("a skip with a row passes", judged([("a", "run", SKIPS)], quarantine=["A.Skips"]), (0, "1 passed, 0 failed, 1 skipped")),
    ("a row may be a pattern", judged([("a", "run", SKIPS)], quarantine=["A.*"]), (0, "1 passed, 0 failed, 1 skipped")),
    ("another row does not help", judged([("a", "run", SKIPS)], quarantine=["B.*"]), (1, "1 passed, 0 failed, 1 skipped")),
    ("below the floor fails", judged([("a", "run", GOOGLE)], floor=3), (1, "2 passed, 0 failed, 0 skipped")),
    ("at the floor passes", judged([("a", "run", GOOGLE)], floor=2), (0, "2 passed, 0 failed, 0 skipped")),
    ("an empty run fails", judged([]), (1, "0 passed, 1 failed, 0 skipped")),
]


HEADS = re.compile(r"^(?:(TEST|TEST_F|TEST_P)\((\w+),\s*(\w+)\)|class (\w+)[^;{]*{|#define (\w+)\()", re.M)
TESTS = pathlib.Path(__file__).resolve().parent


def tests_that_may_skip(files):
    """Names of the C++ tests that reach a GTEST_SKIP themselves, by way of their fixture or of a macro in their file. Those
    with parameters are left out: they skip for some of them, and a name says which only when it runs."""
    for text in files:
        heads = list(HEADS.finditer(text))
        bodies = [(head, text[head.end():after.start() if after else len(text)])
                  for head, after in zip(heads, [*heads[1:], None])]
        macros = [head[5] for head, body in bodies if head[5] and "GTEST_SKIP" in body]
        fixtures = {head[4] for head, body in bodies if head[4] and "GTEST_SKIP" in body}
        fixtures |= {name for name, base in re.findall(r"class (\w+) (?:final )?: public (\w+)", text) if base in fixtures}
        for head, body in bodies:
            if head[1] in ("TEST", "TEST_F") and (head[2] in fixtures or any(word in body for word in ["GTEST_SKIP", *macros])):
                yield f"{head[2]}.{head[3]}"
            elif head[4] in fixtures and "TestWithParam" not in head[0]:   # also of tests in other files
                yield f"{head[4]}.*"


def skips_without_a_row():
    rows = summary.quarantined(TESTS / "QUARANTINE.md")
    names = tests_that_may_skip(file.read_text() for end in ("*.cpp", "*.h") for file in sorted(TESTS.rglob(end)))
    return [name for name in names if not any(fnmatch.fnmatch(name, row) for row in rows)]


SKIPPING = """class Fixture : public testing::Test {
  void SetUp() override { if (x) GTEST_SKIP() << "x"; }
};
TEST_F(Fixture, A) {}
#define SKIP_IF(x) if (x) GTEST_SKIP()
TEST(Plain, B) {}
TEST(Plain, C) { SKIP_IF(y); }
TEST_P(Many, D) { if (GetParam()) GTEST_SKIP(); }
"""
CASES += [
    ("tests that may skip are found", sorted(tests_that_may_skip([SKIPPING])), ["Fixture.*", "Fixture.A", "Plain.C"]),
    ("every test that may skip has a row", skips_without_a_row(), []),
]


def main():
    wrong = [name for name, got, expected in CASES if got != expected]
    for name, got, expected in CASES:
        if got != expected:
            print(f"FAILED {name}: expected {expected}, got {got}")
    print(f"{len(CASES) - len(wrong)} passed, {len(wrong)} failed, 0 skipped")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
