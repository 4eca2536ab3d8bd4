"""Writes copies of the sources that compute derivatives, in which a run-time number chooses a bug.

    mutate.py --source ROOT --out DIR

DIR/src/... are the copies, with `mutant(17) ? wrong : right` wherever something can go wrong, and DIR/mutants.json says
what each number is. Bugs come from bugs.py and from rules that hold for all ops. A pattern that is no longer in the
source, or an op without any bug, is an error: the list must not fall behind the code.
"""

import argparse
import json
import re
import sys
from pathlib import Path

from bugs import BUGS, FORMULAS, OPS, REFERENCE

MINIMUM = 60
SLOPES_NOT_USED = {"neg"}               # no op records it: -x is affine
RECORDED_AS = {"transpose": "permute"}  # ops that share the derivative of another


def fail(message):
    sys.exit(f"mutate.py: {message}")


def closing(text, start):
    """The place after the bracket that closes the one at `start`; strings and comments do not count."""
    pairs = {"(": ")", "{": "}", "[": "]"}
    stack, i = [], start
    while i < len(text):
        if text.startswith("//", i):
            i = text.index("\n", i)
        elif text[i] == '"' or (text[i] == "'" and not text[i - 1].isalnum()):
            quote, i = text[i], i + 1
            while text[i] != quote:
                i += 2 if text[i] == "\\" else 1
        elif text[i] in pairs:
            stack.append(pairs[text[i]])
        elif stack and text[i] == stack[-1]:
            stack.pop()
            if not stack:
                return i + 1
        i += 1
    fail("a bracket is never closed")


def flexible(code):
    """A pattern for `code` however it is broken into lines."""
    tokens = re.findall(r"\w+|\S", code)
    out = ""
    for before, token in zip([""] + tokens, tokens):
        if before:
            out += r"\s+" if before[-1].isalnum() and token[0].isalnum() else r"\s*"
        out += re.escape(token)
    return out


class Source:
    """One file, the bugs planted in it, and the copy that holds them all."""

    def __init__(self, root, name, number):
        self.name, self.text = name, (root / name).read_text()
        self.next = number * 1000 + 1
        self.bugs, self.insertions, self.renames = [], [], []

    def region(self, name):
        """Where the body of a struct or function lies; the whole file for ''."""
        if not name:
            return 0, len(self.text)
        for pattern in (rf"^struct {name}\b[^;{{]*\{{",
                        rf"^[^\n/]*\b{name}\((?:[^;{{}}]|\{{\}})*?\)[^;{{}}()]*\{{"):
            found = re.search(pattern, self.text, re.MULTILINE)
            if found:
                return found.end() - 1, closing(self.text, found.end() - 1)
        fail(f"{self.name}: there is no struct or function {name} any more")

    def find(self, code, where):
        """The one place in a region where `code`, or the part marked with « », stands."""
        start, end = where
        before, mark, rest = code.partition("«")
        inside, _, after = rest.partition("»") if mark else (code, "", "")
        parts = [flexible(before), flexible(inside), flexible(after)] if mark else ["", flexible(code), ""]
        pattern = r"\s*".join(f"({p})" for p in parts)
        if not mark:                                  # whole words only
            pattern = (r"(?<!\w)" if code[0].isalnum() else "") + pattern + (r"(?!\w)" if code[-1].isalnum() else "")
        found = list(re.finditer(pattern, self.text[start:end]))
        if len(found) != 1:
            fail(f"{self.name}: expected once, found {len(found)} times: {code}")
        return start + found[0].start(2), start + found[0].end(2)

    def number(self, at, op, kind, what):
        number, self.next = self.next, self.next + 1
        self.bugs.append({"number": number, "file": self.name, "line": self.text.count("\n", 0, at) + 1, "op": op,
                          "class": kind, "change": " ".join(what.split())})
        return number

    def wrap(self, start, end, before, after):
        depth = len(self.insertions)
        self.insertions.append((start, 1, -(end - start), -depth, before))
        self.insertions.append((end, 0, end - start, depth, after))

    def expression(self, start, end, wrong, op, kind):
        right = self.text[start:end]
        n = self.number(start, op, kind, f"{right} -> {wrong}")
        self.wrap(start, end, f"(mutant({n}) ? ({wrong}) : (", "))")

    def statement(self, start, end, wrong, op, kind):
        right = self.text[start:end]
        n = self.number(start, op, kind, f"{right} -> {wrong or 'nothing'}")
        self.wrap(start, end, f"if (mutant({n})) {{ {wrong} }} else {{ ", " }")

    def written(self, file, region, right, wrong, kind):
        start, end = self.find(right, self.region(region))
        plant = self.statement if right.endswith(";") and "«" not in right else self.expression
        plant(start, end, wrong, region or Path(file).stem, kind)

    def copy(self):
        pieces, at = [], 0
        edits = [(place, order, tie, depth, text, 0) for place, order, tie, depth, text in self.insertions]
        edits += [(start, 2, 0, 0, text, end - start) for start, end, text in self.renames]
        for place, _, _, _, text, length in sorted(edits):
            pieces += [self.text[at:place], text]
            at = place + length
        pieces.append(self.text[at:])
        text = "".join(pieces)
        first = re.search(r"^(#pragma once|#include)[^\n]*\n", text, re.MULTILINE)
        return text[:first.end()] + '#include "tests/mutants/active.h"\n' + text[first.end():]


def derivatives(source):
    """Every Node of an ops file: scaled, negated, dropped, given to the wrong input."""
    for found in re.finditer(r"^struct (\w+) final : Node \{", source.text, re.MULTILINE):
        start, end = source.region(found[1])
        body = source.text[start:end]
        named = re.search(r"Node\(\"(\w+)\"\)", body)
        op = named[1] if named else found[1].lower()
        head = re.search(r"void backward\(const Tensor& (dy), Slots dx\) override \{", body)
        if not head:
            fail(f"{source.name}: {found[1]} has no backward(const Tensor& dy, Slots dx) that can be read")
        source.renames.append((start + head.start(1), start + head.end(1), "right_dy"))
        inside = start + head.end()
        scaled = source.number(inside, op, "scaled by 1.001", "dy -> 1.001 dy")
        negated = source.number(inside, op, "sign flipped", "dy -> -dy")
        source.insertions.append((inside, 1, -len(source.text), 0, f" const Tensor dy = mutant({scaled}) ? affine(right_dy, 1.001, 0) :"
                                  f" mutant({negated}) ? affine(right_dy, -1, 0) : right_dy;"))
        inputs = sorted(set(re.findall(r"\bdx\[(\d)\]", body)))
        for term in re.finditer(r"\bdx\[(\w)\] \+= [^;]*;", body):
            source.statement(start + term.start(), start + term.end(), "", op, "derivative dropped")
            others = [i for i in inputs if i != term[1]]
            if others:
                source.expression(start + term.start(1), start + term.end(1), others[0], op, "given to the wrong input")
        for call in re.finditer(r"_backward\(([^;]*?)\bdy\.", body):
            for place in re.finditer(r"\b(d\w+)(?=,)", body[call.start(1):call.end(1)]):
                at = start + call.start(1)
                source.expression(at + place.start(1), at + place.end(1), "kNobody", op, "derivative dropped")


def slopes(source):
    """Every derivative of formulas.h, scaled."""
    for found in re.finditer(r"^template <class T> GLASS_FN T (\w+?)_(slope|dgate|dup|dx)\(", source.text, re.MULTILINE):
        if found[1] in SLOPES_NOT_USED:
            continue
        start, end = source.region(f"{found[1]}_{found[2]}")
        last = list(re.finditer(r"\breturn ([^;]*);", source.text[start:end]))[-1]
        source.expression(start + last.start(1), start + last.end(1), f"real<T>(1.001) * ({last[1]})",
                          found[1].removesuffix("_z"), "scaled by 1.001")


def kernels(source):
    """Every kernel that a backward calls: loops one short, results overwritten."""
    for found in re.finditer(r"^void ReferenceBackend::(\w+)\(", source.text, re.MULTILINE):
        start, end = source.region(rf"ReferenceBackend::{found[1]}")
        body = source.text[start:end]
        for call in re.finditer(r"\bput(?:_all<T>)?\((\w+),", body):
            into = call[1]
            source.expression(start + call.start(1), start + call.end(1), f"Into{{({into}).view, false}}", found[1],
                              "overwrites instead of adding")
        if not found[1].endswith("_backward") and found[1] != "scatter_add":
            continue                    # a loop of a forward that is one short is right again in its derivative
        for loop in re.finditer(r"for \(std::int64_t \w+ = [^;]*;[^;]*< ([^;&]+); [^;()]*\)\s*(\w*)", body):
            if loop[2] == "id_at":      # looks at ids before anything is written
                continue
            limit = source.text[start + loop.start(1):start + loop.end(1)]
            source.expression(start + loop.start(1), start + loop.end(1), f"{limit} - 1", found[1], "loop one short")


def missing_ops(root, bugs):
    """Ops of ops.h that no bug concerns."""
    declared = (root / "engine/ops.h").read_text().split("namespace composed")[0]
    covered = {b["op"].lower() for b in bugs}
    for op in sorted(set(re.findall(r"^Tensor ([a-z]\w*)\(", declared, re.MULTILINE)) - {"operator"}):
        if RECORDED_AS.get(op, op) not in covered:
            yield op


def arguments(description):
    options = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--source", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True)
    return options.parse_args()


def write(out, sources, bugs):
    """The copies, and the list of what is planted in them."""
    for source in sources:
        target = out / "src" / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        text = source.copy()
        if not target.exists() or target.read_text() != text:   # what did not change is not compiled again
            target.write_text(text)
    (out / "mutants.json").write_text(json.dumps(bugs, indent=1) + "\n")


def main():
    options = arguments(__doc__)
    root = options.source
    names = [FORMULAS, "engine/slot.h", "engine/slot.cpp"]
    names += sorted(str(p.relative_to(root)) for p in (root / OPS).glob("*.cpp") if p.stem not in ("cases", "dice"))
    names += sorted(str(p.relative_to(root)) for p in (root / REFERENCE).glob("*.cpp"))
    sources = {name: Source(root, name, i + 1) for i, name in enumerate(names)}
    for file, region, right, wrong, kind in BUGS:
        if file not in sources:
            fail(f"there is no file {file} any more")
        sources[file].written(file, region, right, wrong, kind)
    for name, source in sources.items():
        if name == FORMULAS:
            slopes(source)
        elif name.startswith(OPS):
            derivatives(source)
        elif name.startswith(REFERENCE):
            kernels(source)

    bugs = [b for source in sources.values() for b in source.bugs]
    if len(bugs) < MINIMUM:
        fail(f"only {len(bugs)} bugs, at least {MINIMUM} are wanted")
    without = list(missing_ops(root, bugs))
    if without:
        fail("no bug for " + ", ".join(without))
    write(options.out, sources.values(), bugs)


if __name__ == "__main__":
    main()
