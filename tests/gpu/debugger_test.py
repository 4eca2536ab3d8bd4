"""The session with a debugger in kernels/README.md, as it stands there: commands, and what they print.

  python3 tests/gpu/debugger_test.py

It is left out where gdb is not installed or may not start a program, and says so.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/chapters"))
from check import Checker, blocks_of, commands_of  # noqa: E402

CHAPTER = "kernels/README.md"


def session():
    """The one block of the chapter that starts gdb on a kernel."""
    blocks = [block for block in blocks_of((ROOT / CHAPTER).read_text(encoding="utf-8"))
              if block.language == "console" and any("gdb -batch" in line for line in block.lines)]
    assert len(blocks) == 1, f"{len(blocks)} sessions with gdb in {CHAPTER}, one is wanted"
    return commands_of(blocks[0])


def why_not():
    """Why gdb can show nothing here; '' if it can."""
    if not shutil.which("gdb"):
        return "gdb is not installed"
    tried = subprocess.run(["gdb", "-batch", "-ex", "run", "--args", "true"], capture_output=True, text=True, check=False)
    return "" if "exited normally" in tried.stdout else "gdb may not start a program here"


def main():
    reason = why_not()
    if reason:
        print(f"left out: {reason}\n0 passed, 0 failed, 1 skipped")
        return 0
    checker = Checker(ROOT, ROOT / "build")
    with tempfile.TemporaryDirectory(prefix="glass-debugger-") as folder:
        checker.scratch(folder)
        for line, command, expected in session():
            checker.report(f"{CHAPTER}:{line}", checker.check_command(command, expected, folder))
    print(f"{checker.passed} passed, {checker.failed} failed, 0 skipped")
    return checker.failed > 0


if __name__ == "__main__":
    sys.exit(main())
