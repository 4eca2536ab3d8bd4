"""Writes copies of the GPU kernels in which a run-time number chooses a mistake, as tests/mutants/mutate.py does for
derivatives: DIR/src/kernels/gpu/*.h, and DIR/mutants.json that says what each number is.

    plant.py --source ROOT --out DIR

Mistakes come from kernel_bugs.py and from rules that hold for every kernel: each barrier dropped, each wait for copies, each `add` forgotten, each
bound not looked at, each sum of a warp one lane short, and each result of one thread written by all of them.
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "mutants"))
from mutate import Source, arguments, closing, fail, write  # noqa: E402
from kernel_bugs import BUGS, HARMLESS, ROWS

KERNELS = "kernels/gpu/"
MINIMUM = 24


class KernelSource(Source):
    """A file of kernels: a region may also be a KERNEL, and an array may lose a part of its size."""

    def __init__(self, root, name, number):
        super().__init__(root, name, number)
        self.replaced = []

    def region(self, name):
        found = re.search(rf"^KERNEL\w*\({name}, [^)]*\) \{{", self.text, re.MULTILINE) if name else None
        return (found.end() - 1, closing(self.text, found.end() - 1)) if found else super().region(name)

    def function_at(self, place):
        """The name of the kernel or function that a place in the text belongs to."""
        heads = re.finditer(r"^(?:KERNEL\w*\((\w+),|GPU_FN \w+ (\w+)\()", self.text[:place], re.MULTILINE)
        names = [head[1] or head[2] for head in heads]
        return names[-1] if names else self.name

    def written(self, file, region, right, wrong, kind):
        if not right.startswith("SHARED_ARRAY("):
            super().written(file, region, right, wrong, kind)
            return
        start, end = self.find(right, self.region(region))
        number = self.number(start, region, kind, f"{right} -> {wrong}")
        arguments = right.removeprefix("SHARED_ARRAY(").removesuffix(");")
        self.renames.append((start, end, f"SHARED_ARRAY_OR({number}, {wrong}, {arguments});"))

    def each(self, pattern):
        """Every place in a function, not in a comment, where a pattern stands."""
        harmless = [self.text.index(text) for file, text in HARMLESS if self.name == KERNELS + file]
        harmless = [range(start, self.text.index("\n", start)) for start in harmless]
        for found in re.finditer(pattern, self.text):
            line = self.text[self.text.rfind("\n", 0, found.start()) + 1:found.start()]
            if any(found.start() in place for place in harmless):
                continue
            if "//" not in line and "#define" not in line and "kStages == 1" not in line:   # the emulator has two
                yield found


def rules(source):
    for found in source.each(r"\b(?:warp_)?barrier\(t\);"):
        source.statement(found.start(), found.end(), "", source.function_at(found.start()), "missing barrier")
    for found in source.each(r"\bcopy_wait<[^;]*>\(\);"):
        source.statement(found.start(), found.end(), "", source.function_at(found.start()), "copy not waited for")
    for found in source.each(r"\b\w+(?:\.\w+)*\.add\b"):
        source.expression(found.start(), found.end(), "0u", source.function_at(found.start()), "forgotten add")
    for found in source.each(r"if \([^;]*?>= [^;]*?\) return;"):
        source.statement(found.start(), found.end(), "", source.function_at(found.start()), "bound not looked at")
    for found in source.each(r"if \((t\.(?:lane|id) == 0)\)(?! report_fault)"):
        source.expression(found.start(1), found.end(1), "true", source.function_at(found.start()), "written by all")
    for found in source.each(r"if \((t\.id > 0)\) return;"):
        source.expression(found.start(1), found.end(1), "false", source.function_at(found.start()), "written by all")
    for found in source.each(r"(?<!float )\bwarp_sum\(t, "):
        end = closing(source.text, found.start() + len("warp_sum")) - 1
        value = source.text[found.end():end]
        source.expression(found.end(), end, f"t.lane == 31 ? 0.0f : ({value})", source.function_at(found.start()), "lost lane")


def main():
    options = arguments(__doc__)
    root, folder = options.source, options.source / KERNELS
    texts = {str(p.relative_to(folder)): p.read_text() for p in sorted(folder.rglob("*.h"))}
    names = [name for name, text in texts.items() if "KERNEL(" in text or "GPU_FN" in text]
    names = [name for name in names if not re.match(r"language/(gpu|tile)_|.*_hopper", name)]   # of one compiler each
    sources = {name: KernelSource(root, KERNELS + name, i + 1) for i, name in enumerate(names)}
    for file, *bug in BUGS:
        if file not in sources:
            fail(f"there is no file {KERNELS}{file} any more")
        sources[file].written(file, *bug)
    bugs = []
    for name, source in sources.items():
        rules(source)
        bugs += [{**bug, "rows": ROWS.get(name, [])} for bug in source.bugs]
    if len(bugs) < MINIMUM:
        fail(f"only {len(bugs)} mistakes, at least {MINIMUM} are wanted")

    write(options.out, sources.values(), bugs)


if __name__ == "__main__":
    main()
