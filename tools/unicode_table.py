#!/usr/bin/env python3
"""Writes model/tokenizer/unicode_table.inc: the class of every letter of Unicode, as runs of equal class.

    python3 tools/unicode_table.py > model/tokenizer/unicode_table.inc

A run is one number, (first letter << 3 | class), and ends where the next one begins. The table in the repository is of
Unicode 14 (Python 3.11). A newer Python writes a newer table, and then a few letters that were unassigned change class.
"""
import sys
import unicodedata

# As enum class LetterClass in model/tokenizer/unicode.h.
OTHER, UPPER, LOWER, LETTER, MARK, NUMBER = range(6)
CLASSES = {"Lu": UPPER, "Lt": UPPER, "Ll": LOWER, "Lm": LETTER, "Lo": LETTER, "Mn": MARK, "Mc": MARK, "Me": MARK,
           "Nd": NUMBER, "Nl": NUMBER, "No": NUMBER}


def runs():
    before = None
    for letter in range(0x110000):
        kind = CLASSES.get(unicodedata.category(chr(letter)), OTHER)
        if kind != before:
            yield letter << 3 | kind
        before = kind


def main():
    numbers = [f"0x{run:x}" for run in runs()]
    lines = [f"// Unicode {unicodedata.unidata_version}, {len(numbers)} runs; written by tools/unicode_table.py."]
    line = ""
    for number in numbers:
        if len(line) + len(number) + 2 > 100:
            lines.append(line.rstrip())
            line = ""
        line += number + ", "
    lines.append(line.rstrip())
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
