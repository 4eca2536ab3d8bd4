#!/usr/bin/env python3
"""safetensors and .npy against the libraries that everybody else reads and writes them with.

    python3 tests/peers/formats_test.py --glass build/release/glass [--mutants 300]

They read what glass writes; `glass inspect` reads what they write; and of a few hundred damaged or lying headers, none
that the other library refuses is accepted here. Needs the packages safetensors and numpy; without them it is skipped.
"""
import json
import os
import random
import struct
import sys

import peer
from peer import run

numpy, safetensors, _ = peer.needs("numpy", "safetensors", "safetensors.numpy")

DTYPES = {"bool": "BOOL", "uint8": "U8", "int8": "I8", "int16": "I16", "uint16": "U16", "float16": "F16",
          "int32": "I32", "uint32": "U32", "float32": "F32", "float64": "F64", "int64": "I64", "uint64": "U64"}


def inspect(glass, path):
    done = run(glass, "inspect", path, "--json")
    return json.loads(done.stdout) if done.returncode == 0 else None


def rows_of(inspected):
    return {t["name"]: (t["dtype"], tuple(t["shape"])) for t in inspected["tensors"]} if inspected else None


def what_glass_writes(glass, folder, report):
    run_folder = os.path.join(folder, "run")
    done = run(glass, "train", "--out", run_folder, "--max-iters", "2", "--n-layer", "1", "--n-head", "2", "--n-embd",
               "16", "--eval-interval", "1", "--eval-iters", "1", "--threads", "1")
    report.check("a short training", done.returncode == 0, done.stderr)
    path = os.path.join(run_folder, "ckpt-00000002.safetensors")
    ours = inspect(glass, path)
    with safetensors.safe_open(path, "np") as file:
        theirs = {}
        for name in file.keys():
            array = file.get_tensor(name)
            theirs[name] = (DTYPES[str(array.dtype)], array.shape)
        notes = file.metadata()
    report.check("the tensors of a checkpoint", rows_of(ours) == theirs, f"{rows_of(ours)}\n  {theirs}")
    report.check("its notes", ours and json.loads(notes["glass.config"]) == ours["config"], notes)

    logits = os.path.join(folder, "logits.npy")
    done = run(glass, "logits", "--ckpt", run_folder, "--prompt", "ann", "-o", logits)
    report.check("glass logits", done.returncode == 0, done.stderr)
    array = numpy.load(logits)
    report.check("a .npy", array.dtype == numpy.float32 and array.shape[0] == 3 and numpy.isfinite(array).all(), array)


def what_they_write(glass, folder, report):
    arrays = {f"{name}/{shape}": numpy.zeros(shape, dtype=name) for name in DTYPES for shape in [(), (3,), (2, 5), (0, 4)]}
    path = os.path.join(folder, "theirs.safetensors")
    safetensors.numpy.save_file(arrays, path, metadata={"format": "pt", "quote\"": "line\nend \u20ac"})
    inspected = inspect(glass, path)
    expected = {name: (DTYPES[str(array.dtype)], array.shape) for name, array in arrays.items()}
    report.check("every type and shape", rows_of(inspected) == expected, run(glass, "inspect", path).stderr)
    report.check("their notes", inspected and inspected["notes"]["quote\""] == "line\nend \u20ac", inspected)

    for name, array, good in [("a", numpy.arange(6, dtype=numpy.int32).reshape(2, 3), True),
                              ("b", numpy.ones((), dtype=numpy.int64), True),
                              ("columns", numpy.zeros((2, 3), dtype=numpy.float32, order="F"), False),
                              ("big", numpy.zeros(4, dtype=">i4"), False)]:
        path = os.path.join(folder, name + ".npy")
        numpy.save(path, array)
        inspected = inspect(glass, path)
        if good:
            row = (DTYPES[str(array.dtype)], array.shape)
            report.check(f"numpy's {name}", inspected and list(rows_of(inspected).values()) == [row], inspected)
        else:
            report.check(f"numpy's {name} is refused", inspected is None, inspected)


def mutant(good, dice):
    """A file like `good` with one or two things wrong, or by chance nothing."""
    size, = struct.unpack("<Q", good[:8])
    header, data = bytearray(good[8:8 + size]), bytearray(good[8 + size:])
    for _ in range(dice.choice([1, 1, 2])):
        kind = dice.randrange(6)
        at = dice.randrange(len(header))
        if kind == 0:
            header[at] ^= 1 << dice.randrange(8)
        elif kind == 1:
            digits = [i for i, c in enumerate(header) if chr(c).isdigit()]
            header[dice.choice(digits)] = ord(dice.choice("0123456789"))
        elif kind == 2:
            del header[at]
        elif kind == 3:
            header.insert(at, dice.choice(b'{}[],:"0 -\\'))
        elif kind == 4:
            del data[dice.randrange(len(data)):]
        else:
            data += b"x" * dice.randrange(1, 9)
        if not header or not data:
            break
    return struct.pack("<Q", len(header) if dice.random() < 0.95 else dice.randrange(2 ** 63)) + bytes(header + data)


def what_is_wrong(glass, folder, report, mutants):
    dice = random.Random(2024)
    good = safetensors.numpy.save({"a": numpy.ones((2, 3), dtype=numpy.float32), "bb": numpy.ones(4, dtype=numpy.int64),
                                   "c": numpy.ones((), dtype=numpy.uint8)}, metadata={"k": "v"})
    path = os.path.join(folder, "mutant.safetensors")
    both, stricter = 0, 0
    for number in range(mutants):
        content = mutant(good, dice)
        with open(path, "wb") as file:
            file.write(content)
        try:
            with safetensors.safe_open(path, "np") as file:
                theirs = all(file.get_tensor(name) is not None for name in file.keys())
        except Exception:                              # of whatever kind: it is refused
            theirs = False
        done = run(glass, "inspect", path)
        ours = done.returncode == 0
        both += ours and theirs
        stricter += theirs and not ours
        report.check(f"mutant {number}", done.returncode in (0, 3) and (theirs or not ours), f"{content!r}\n  {done}")
    print(f"{mutants} mutants: both accept {both}, only safetensors {stricter}")


def main():
    parser = peer.parser(__doc__)
    parser.add_argument("--mutants", type=int, default=5000 if peer.DEEP else 300)
    args = parser.parse_args()
    report = peer.Report()
    with peer.folder() as folder:
        what_glass_writes(args.glass, folder, report)
        what_they_write(args.glass, folder, report)
        what_is_wrong(args.glass, folder, report, args.mutants)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
