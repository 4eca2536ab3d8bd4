#!/usr/bin/env python3
"""What the kernels of a training step move from and to the memory of a GPU, counted on a machine without one.

  tools/bench/gpu_bytes.py [--width C] [--json]

A small GPT (biases, bf16) trains on the stand-in for an NVIDIA GPU (tests/gpu/cuda), which runs the kernels' PTX and notes
every sector of 32 bytes. What one layer adds is the difference between two layers and one, and a step the difference
between three steps and one. The unit is a vector of C numbers in bf16 for each token; GPT-2 124M has 12 layers of 768.
Products and attention are left out: they are bound by arithmetic. So is the optimizer, which is one pass over the weights.
"""
import os
import re
import subprocess
import sys
import tempfile

import side_by_side as sbs

TOKENS = dict(batch=2, block=64)
ARITHMETIC = re.compile(r"matmul|attention(?!_delta)")
OF_WEIGHTS = re.compile(r"sum_squares|global_norm|adamw|gather|scatter_add|fill")
ROW = re.compile(r"(\w+) +(\d+) +([\d.]+) +([\d.]+) +([\d.]+) +([\d.]+)$")
COLUMNS = ["launches", "read", "read_touched", "written", "written_touched"]


def statistics_of(args, stand_in, layers, steps):
    """{kernel: numbers in the order of COLUMNS} of a whole run."""
    environment = dict(os.environ, GLASS_CUDA_DRIVER=stand_in, GLASS_STAND_IN="statistics", GLASS_CUDA_GRAPHS="0")
    with tempfile.TemporaryDirectory() as folder:
        with open(f"{folder}/rose.txt", "w") as text:
            text.write("a rose is a rose is a rose is a rose, said the rose to the other rose; and so it went on. " * 20)
        words = [args.glass, "train", text.name, "--device", "cuda", "--dtype", "bf16", "--preset", "gpt2",
                 "--n-layer", layers, "--n-head", args.width // 64, "--n-embd", args.width, "--block-size", TOKENS["block"],
                 "--batch", TOKENS["batch"], "--gradient-accumulation-steps", 1, "--max-iters", steps, "--eval-iters", 1,
                 "--out", f"{folder}/out"]
        done = subprocess.run([str(w) for w in words], env=environment, capture_output=True, text=True)
    found = {m[1]: [float(x) for x in m.groups()[1:]] for m in map(ROW.match, done.stderr.splitlines()) if m}
    if done.returncode != 0 or not found:
        sys.exit(f"error: glass does not train on the stand-in: {done.stderr.strip().splitlines()[-1:]}")
    return found


def difference(more, less):
    return {kernel: [a - b for a, b in zip(row, less.get(kernel, [0] * len(row)))] for kernel, row in more.items()}


def a_step(args, stand_in, layers):
    two_steps = difference(statistics_of(args, stand_in, layers, 3), statistics_of(args, stand_in, layers, 1))
    return {kernel: [x / 2 for x in row] for kernel, row in two_steps.items()}


def main():
    args = sbs.options(__doc__, width=dict(type=int, default=128, help="C, a multiple of 64 (default 128)"))
    stand_in = os.path.join(os.path.dirname(os.path.abspath(args.glass)), "libstand_in_cuda.so")
    if not os.path.exists(stand_in):
        sys.exit(f"error: {stand_in} is not there; configure with -D GLASS_TESTS=ON where nvcc is installed, and build.")
    layer = difference(a_step(args, stand_in, 2), a_step(args, stand_in, 1))
    megabytes = TOKENS["batch"] * TOKENS["block"] * args.width * 2 * 1e-6    # of one vector for each token
    rows = [dict(zip(COLUMNS, [row[0]] + [x / megabytes for x in row[1:]]), kernel=kernel) for kernel, row in layer.items()
            if row[0] > 0 and not ARITHMETIC.search(kernel) and not OF_WEIGHTS.search(kernel)]
    rows.sort(key=lambda r: -r["read_touched"] - r["written_touched"])
    total = sum(r["read_touched"] + r["written_touched"] for r in rows)
    if args.json:
        import json
        return print(json.dumps(dict(command="gpu_bytes", width=args.width, kernels=rows, vectors_of_a_layer=total), indent=2))
    print("One layer, forward and backward: vectors of C numbers in bf16 a token\n")
    print(f"{'kernel':20} {'launches':>8} {'read':>8} {'touched':>8} {'written':>8} {'touched':>8}")
    for r in rows:
        print(f"{r['kernel']:20} {r['launches']:8.0f} " + " ".join(f"{r[c]:8.2f}" for c in COLUMNS[1:]))
    print(f"\ntogether {total:.1f}; for GPT-2 124M {total * 12 * 768 * 2 * 1e-6:.2f} MB a token")


if __name__ == "__main__":
    main()
