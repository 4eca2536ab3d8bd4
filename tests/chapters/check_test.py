#!/usr/bin/env python3
"""The checker of the chapters, tried on chapters that are right and on chapters that rotted in every way it should see."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import check   # noqa: E402

SOURCE = "namespace x {\n\n  int twice(int n) {\n    return 2 * n;\n  }\n\n  int half(int n) { return n / 2; }\n}\n"


def verdict(chapter):
    """(passed, failed) for a chapter in a house with one file, a/b.cpp."""
    with tempfile.TemporaryDirectory() as root:
        os.mkdir(os.path.join(root, "a"))
        os.mkdir(os.path.join(root, "bin"))
        with open(os.path.join(root, "a", "b.cpp"), "w") as file:
            file.write(SOURCE)
        with open(os.path.join(root, "README.md"), "w") as file:
            file.write(chapter)
        checker = check.Checker(root, os.path.join(root, "bin"))
        quiet, sys.stdout = sys.stdout, open(os.devnull, "w")
        try:
            checker.check("README.md")
        finally:
            sys.stdout.close()
            sys.stdout = quiet
        return checker.passed, checker.failed


def console(body):
    return "```console\n" + body + "\n```\n"


CASES = [
    ("a command with its output", console("$ printf 'a\\nb\\n'\na\nb"), (1, 0)),
    ("a command that only succeeds", console("$ true"), (1, 0)),
    ("a wildcard line", console("$ seq 5\n1\n...\n5"), (1, 0)),
    ("a wildcard line that stands for nothing", console("$ seq 2\n1\n...\n2"), (1, 0)),
    ("a wildcard within a line", console("$ echo took 12 ms\ntook ... ms"), (1, 0)),
    ("stderr counts as output", console("$ echo x >&2\nx"), (1, 0)),
    ("a continued command", console("$ echo a \\\n  b\na b"), (1, 0)),
    ("two commands share a scratch folder", console("$ echo x > new.txt\n$ cat new.txt\nx"), (2, 0)),
    ("the tree is there", console("$ ls a\nb.cpp"), (1, 0)),
    ("a command that is not run", "<!-- not run: it installs -->\n" + console("$ false"), (0, 0)),
    ("an excerpt", "From `a/b.cpp`:\n```cpp\nint half(int n) { return n / 2; }\n```\n", (1, 0)),
    ("an excerpt moved left", "From `a/b.cpp:3-5`:\n\n```cpp\nint twice(int n) {\n  return 2 * n;\n}\n```\n", (1, 0)),
    ("an excerpt with a gap", "`a/b.cpp`\n```cpp\nnamespace x {\n// ...\n}\n```\n", (1, 0)),
    ("a sketch", "<!-- sketch -->\n```cpp\nint nowhere;\n```\n", (0, 0)),
    ("a link", "[b](a/b.cpp#L1-L3)\n", (1, 0)),
    ("a link to the web is not followed", "[w](https://example.org/x)\n", (0, 0)),
    # From here on: rot.
    ("another output", console("$ echo a\nb"), (0, 1)),
    ("a line too few in the chapter", console("$ seq 3\n1\n2"), (0, 1)),
    ("a line too many in the chapter", console("$ seq 2\n1\n2\n3"), (0, 1)),
    ("a wildcard does not excuse what follows it", console("$ seq 5\n1\n...\n6"), (0, 1)),
    ("a failing command", console("$ false"), (0, 1)),
    ("a failing command with the right output", console("$ echo a; exit 3\na"), (0, 1)),
    ("output without a command", console("a"), (0, 1)),
    ("a changed excerpt", "`a/b.cpp`\n```cpp\nint half(int n) { return n / 3; }\n```\n", (0, 1)),
    ("an excerpt whose lines are not neighbours", "`a/b.cpp`\n```cpp\nnamespace x {\n}\n```\n", (0, 1)),
    ("an excerpt in the wrong order", "`a/b.cpp`\n```cpp\n}\n...\nnamespace x {\n```\n", (0, 1)),
    ("an excerpt of no file", "text\n```cpp\nint half;\n```\n", (0, 1)),
    ("an excerpt of a file that is gone", "`a/c.cpp`\n```cpp\nint half;\n```\n", (0, 1)),
    ("a dead link", "[b](a/c.cpp)\n", (0, 1)),
    ("a link behind the end", "[b](a/b.cpp#L1-L99)\n", (0, 1)),
    ("a block that is never closed", "```console\n$ true\n", (0, 1)),
]


def main():
    failed = 0
    for name, chapter, expected in CASES:
        got = verdict(chapter)
        if got != expected:
            failed += 1
            print(f"FAILED {name}: expected (passed, failed) = {expected}, got {got}")
    print(f"{len(CASES) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
