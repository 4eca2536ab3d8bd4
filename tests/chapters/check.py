#!/usr/bin/env python3
"""Keeps the chapters true: runs their commands, finds their excerpts, follows their links.

    python3 tests/chapters/check.py --build build/release [README.md ...]

Without files it reads every README.md of the house. The rules for whoever writes a chapter:

1. Commands.  In a ```console block a line that begins with "$ " is a command (a "\\" at its end continues it); the lines
   up to the next "$ " are what it prints, stdout and stderr together. It must end with exit code 0 and print exactly
   these lines; a command without lines below it only has to succeed. A line "..." stands for any number of lines, "..."
   within a line for any text. Trailing spaces do not count.
   Commands run in order, with bash, in a scratch folder that looks like the root of the repository: every tracked folder
   is there, build/release and build/debug are the build under test, and what a command writes stays in the scratch.
   Every variable GLASS_* is unset, TERM is dumb.
2. Commands that a test cannot run (they install, or wait for a person) stand below a line
       <!-- not run: REASON -->
3. Excerpts.  A ```cpp, ```python, ```sh or ```cmake block is an excerpt. The last line of text before it names the file
   in backticks, as in "From `engine/value.h`:". The lines must occur in that file one after the other, as they are, but
   for the indentation of the whole. A line "..." (or "// ...", "# ...") stands for lines that are left out.
   A block that is not in any file, an exercise or a sketch, stands below a line
       <!-- sketch -->
4. Links to files and folders must lead somewhere; a link to #L10-L20 must not point behind the end of the file.

The last line printed is "N passed, N failed, N skipped".
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

EXCERPT_LANGUAGES = {"cpp", "python", "sh", "cmake"}
NAMED_FILE = re.compile(r"`([\w./-]+\.\w+|[\w./-]*CMakeLists\.txt)(?::\d+(?:-\d+)?)?`")
TIMEOUT_SECONDS = 120


class Block:
    def __init__(self, language, line, before, marks):
        self.language, self.line = language, line      # line: of the opening fence, counted from 1
        self.before, self.marks = before, marks        # the last line of text, and the comments, in front of it
        self.lines = []


def blocks_of(text):
    """The fenced blocks of a chapter, each with what stands in front of it."""
    found, open_block, before, marks = [], None, "", []
    for number, line in enumerate(text.split("\n"), 1):
        if open_block is not None:
            if line.startswith("```"):
                found.append(open_block)
                open_block, before, marks = None, "", []
            else:
                open_block.lines.append(line)
        elif line.startswith("```"):
            open_block = Block(line[3:].strip(), number, before, marks)
        elif line.startswith("<!--"):
            marks.append(line)
        elif line.strip():
            before, marks = line, []
    if open_block is not None:
        raise ValueError(f"line {open_block.line}: this block is never closed")
    return found


def commands_of(block):
    """[(line, command, expected lines)] of a console block."""
    commands, continued = [], False
    for offset, line in enumerate(block.lines, 1):
        if continued:
            commands[-1][1] += "\n" + line
        elif line.startswith("$ "):
            commands.append([block.line + offset, line[2:], []])
        elif not commands:
            raise ValueError(f"line {block.line + offset}: output without a command above it")
        else:
            commands[-1][2].append(line)
            continue
        continued = line.endswith("\\")
    return commands


def line_matches(expected, actual):
    parts = [re.escape(part) for part in expected.rstrip().split("...")]
    return re.fullmatch(".*".join(parts), actual.rstrip()) is not None


def first_difference(expected, actual):
    """None if the lines match; otherwise (expected line, actual line) where the longest possible match ends."""
    reachable = {0}                        # how many actual lines may be consumed by the expected lines so far
    for line in expected:
        if line.strip() == "...":
            reachable = set(range(min(reachable), len(actual) + 1))
            continue
        after = {i + 1 for i in reachable if i < len(actual) and line_matches(line, actual[i])}
        if not after:
            at = min(reachable)
            return line, actual[at] if at < len(actual) else "(nothing more)"
        reachable = after
    if len(actual) in reachable:
        return None
    return "(nothing more)", actual[max(reachable)]


def trimmed(text):
    lines = text.replace("\r", "\n").rstrip("\n").split("\n")
    return [] if lines == [""] else lines


def excerpt_is_in(lines, source):
    """Whether the lines occur one after the other, all moved right by the same indentation; "..." skips lines."""
    def is_gap(line):
        return line.strip() in ("...", "// ...", "# ...")

    pieces, piece = [], []
    for line in lines + ["..."]:
        if is_gap(line):
            if piece:
                pieces.append(piece)
            piece = []
        else:
            piece.append(line.rstrip())
    source = [line.rstrip() for line in source]

    def stands_at(piece, at, indent):
        return all((indent + line if line else "") == source[at + k] for k, line in enumerate(piece))

    indents = {line[:len(line) - len(line.lstrip())] for line in source} | {""}
    for indent in indents:
        at = 0
        for piece in pieces:
            while at + len(piece) <= len(source) and not stands_at(piece, at, indent):
                at += 1
            if at + len(piece) > len(source):
                break
            at += len(piece)
        else:
            return True
    return False


class Checker:
    def __init__(self, root, build):
        self.root, self.build = os.path.abspath(root), os.path.abspath(build)
        self.passed = self.failed = self.skipped = 0

    def report(self, where, problem):
        if problem is None:
            self.passed += 1
        else:
            self.failed += 1
            print(f"FAILED {where}: {problem}", flush=True)

    def scratch(self, folder):
        for name in os.listdir(self.root):
            if name not in ("build", ".git", "out"):
                os.symlink(os.path.join(self.root, name), os.path.join(folder, name))
        os.mkdir(os.path.join(folder, "build"))
        for preset in ("release", "debug"):
            os.symlink(self.build, os.path.join(folder, "build", preset))

    def run(self, command, folder):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("GLASS_")}
        environment.update(TERM="dumb", LC_ALL="C.UTF-8")
        for name in ("NO_COLOR", "CLICOLOR_FORCE", "COLUMNS"):
            environment.pop(name, None)
        return subprocess.run(["bash", "-c", command], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT_SECONDS)

    def check_command(self, command, expected, folder):
        try:
            done = self.run(command, folder)
        except subprocess.TimeoutExpired:
            return f"$ {command}\n  took more than {TIMEOUT_SECONDS} s"
        output = done.stdout.decode("utf-8", "replace")
        if done.returncode != 0:
            return f"$ {command}\n  ended with {done.returncode} and said\n{output}"
        if not expected:
            return None
        difference = first_difference(expected, trimmed(output))
        if difference is None:
            return None
        return f"$ {command}\n  the chapter says: {difference[0]}\n  it printed:       {difference[1]}\n  all of it:\n{output}"

    def check_excerpt(self, block):
        named = NAMED_FILE.findall(block.before)
        if not named:
            return "no file is named in the line before this block (or mark it <!-- sketch -->)"
        path = os.path.join(self.root, named[-1])
        if not os.path.isfile(path):
            return f"there is no file {named[-1]}"
        with open(path, encoding="utf-8") as file:
            if excerpt_is_in(block.lines, file.read().split("\n")):
                return None
        return f"these lines are not in {named[-1]} any more"

    def check_links(self, chapter, text):
        outside = re.sub(r"^```.*?^```", "", text, flags=re.S | re.M)
        for target in re.findall(r"\]\(([^)\s]+)\)", outside):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            full = os.path.join(self.root, os.path.dirname(chapter), path) if path else os.path.join(self.root, chapter)
            problem = None
            if not os.path.exists(full):
                problem = f"the link to {target} leads nowhere"
            elif re.fullmatch(r"L\d+(-L\d+)?", anchor):
                with open(full, encoding="utf-8") as file:
                    lines = file.read().count("\n")
                if max(int(n) for n in re.findall(r"\d+", anchor)) > lines:
                    problem = f"the link to {target} points behind the end of the file ({lines} lines)"
            self.report(chapter, problem)

    def check(self, chapter):
        with open(os.path.join(self.root, chapter), encoding="utf-8") as file:
            text = file.read()
        self.check_links(chapter, text)
        with tempfile.TemporaryDirectory(prefix="glass-chapter-") as folder:
            self.scratch(folder)
            try:
                for block in blocks_of(text):
                    self.check_block(chapter, block, folder)
            except ValueError as error:
                self.report(chapter, str(error))

    def check_block(self, chapter, block, folder):
        if block.language == "console":
            if any("not run:" in mark for mark in block.marks):
                return
            for line, command, expected in commands_of(block):
                self.report(f"{chapter}:{line}", self.check_command(command, expected, folder))
        elif block.language in EXCERPT_LANGUAGES and not any("sketch" in mark for mark in block.marks):
            self.report(f"{chapter}:{block.line}", self.check_excerpt(block))


def all_chapters(root):
    found = []
    for folder, inside, files in os.walk(root):
        inside[:] = sorted(n for n in inside if not n.startswith(".") and n not in ("build", "out"))
        if "README.md" in files:
            found.append(os.path.relpath(os.path.join(folder, "README.md"), root))
    return found


def main():
    parser = argparse.ArgumentParser(description="Runs the commands and checks the excerpts of the chapters.")
    parser.add_argument("--root", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
    parser.add_argument("--build", required=True, help="the folder in which the programs were built")
    parser.add_argument("chapters", nargs="*")
    args = parser.parse_args()
    checker = Checker(args.root, args.build)
    for chapter in args.chapters or all_chapters(args.root):
        checker.check(chapter)
    print(f"{checker.passed} passed, {checker.failed} failed, {checker.skipped} skipped")
    return 1 if checker.failed else 0


if __name__ == "__main__":
    sys.exit(main())
