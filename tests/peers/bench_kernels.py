#!/usr/bin/env python3
"""Times matrix products and attention against OpenBLAS and PyTorch, in one run, and prints ratios.

  tests/peers/bench_kernels.py [--glass build/glass] [--threads 1,2] [--only products|attention] [--quick]

Every shape is timed by all programs one right after the other, since absolute numbers drift with what else the machine
does; the best of many runs counts for each. Each peer runs in a process of its own with the setting that suits it best:
OpenBLAS with its SkylakeX kernels where the processor has AVX-512 (it does not recognise every such processor), PyTorch
with preallocated results. A peer that is not installed is skipped, and said so.
"""
import argparse
import ctypes
import ctypes.util
import json
import math
import os
import subprocess
import sys
import time

# (M, N, K) of y = x w^T: the layers of GPT-2 124M at 256 tokens, of character models at 64 x 256 and 12 x 64, squares.
PRODUCTS = [(256, 2304, 768), (256, 3072, 768), (256, 768, 3072), (16384, 1152, 384), (16384, 1536, 384),
            (16384, 384, 1536), (256, 50257, 768), (768, 384, 128), (768, 128, 512), (1024, 1024, 1024),
            (4096, 4096, 4096)]
ATTENTION = [(12, 4, 64, 32), (64, 6, 256, 64), (4, 12, 64, 64), (8, 12, 256, 64), (1, 12, 1024, 64)]   # (B, H, T, D)
QUICK = 3e9   # floating-point operations
LAYOUTS = [("linear", "y = x w^T"), ("matmul, dx", "dx = dy w"), ("matmul, dw", "dw += dy^T x")]


def best_ms(call):
    """The best of at least five runs and a fifth of a second."""
    call()
    times, begin = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - begin < 0.2:
        repeats = max(1, int(2e-4 / min(times))) if times else 1
        start = time.perf_counter()
        for _ in range(repeats):
            call()
        times.append((time.perf_counter() - start) / repeats)
    return 1e3 * min(times)


# The peers: each a process that reads questions, one a line, and answers with milliseconds.

def openblas_worker(threads):
    library = ctypes.CDLL(ctypes.util.find_library("openblas") or "libopenblas.so.0")
    library.openblas_set_num_threads(threads)
    pointer, real = ctypes.POINTER(ctypes.c_float), ctypes.c_float
    gemm = library.cblas_sgemm
    gemm.argtypes = [ctypes.c_int] * 6 + [real, pointer, ctypes.c_int, pointer, ctypes.c_int, real, pointer, ctypes.c_int]
    plain, transposed = 111, 112

    def product(M, N, K):
        def matrix(n):
            values = (real * n)()
            for i in range(0, n, 97):
                values[i] = 0.5
            return values
        x, w, y = matrix(M * K), matrix(N * K), matrix(M * N)
        yield lambda: gemm(101, plain, transposed, M, N, K, 1, x, K, w, K, 0, y, N)
        yield lambda: gemm(101, plain, plain, M, K, N, 1, y, N, w, K, 0, x, K)
        yield lambda: gemm(101, transposed, plain, N, K, M, 1, y, N, x, K, 1, w, K)
    return {"product": product}


def torch_worker(threads):
    import torch
    torch.set_num_threads(threads)

    def product(M, N, K):
        x, w, y = torch.rand(M, K), torch.rand(N, K), torch.rand(M, N)
        dx, dw = torch.zeros(M, K), torch.zeros(N, K)
        yield lambda: torch.mm(x, w.t(), out=y)
        yield lambda: torch.mm(y, w, out=dx)
        yield lambda: torch.addmm(dw, y.t(), x, out=dw)

    def attention(B, H, T, D):
        q, k, v, dy = (torch.randn(B, H, T, D) for _ in range(4))
        attend = torch.nn.functional.scaled_dot_product_attention

        def forward():
            with torch.no_grad():
                attend(q, k, v, is_causal=True)

        inputs = [t.clone().requires_grad_() for t in (q, k, v)]
        yield forward
        yield lambda: torch.autograd.grad(attend(*inputs, is_causal=True), inputs, dy)
    return {"product": product, "attention": attention}


def serve(make_worker, threads):
    kinds = make_worker(threads)
    print("ready", flush=True)
    for line in sys.stdin:
        kind, *sizes = line.split()
        answer = [best_ms(call) for call in kinds[kind](*map(int, sizes))] if kind in kinds else None
        print(json.dumps(answer), flush=True)


class Peer:
    def __init__(self, name, threads):
        self.name, self.why_not = name, None
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads))
        if name == "OpenBLAS" and "OPENBLAS_CORETYPE" not in environment and "avx512f" in cpu_flags():
            environment["OPENBLAS_CORETYPE"] = "SKYLAKEX"
        command = [sys.executable, __file__, "--worker", name, "--threads", str(threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        text=True, env=environment)
        if self.process.stdout.readline().strip() != "ready":
            self.why_not = (self.process.stderr.read().strip().splitlines() or ["it did not start"])[-1]

    def ask(self, kind, sizes):
        self.process.stdin.write(" ".join([kind, *map(str, sizes)]) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def cpu_flags():
    try:
        with open("/proc/cpuinfo") as file:
            return file.read()
    except OSError:
        return ""


def glass_rows(glass, option, sizes, threads):
    """What glass itself says: its peak and its rows."""
    command = [glass, "bench", "ops", option, "x".join(map(str, sizes)), "--json", "--threads", str(threads)]
    out = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return out["peaks"][0]["gflops"], {row["name"]: row["best_ms"] for row in out["rows"]}


def table(title, columns, rows):
    print(f"\n{title}")
    widths = [max(len(str(row[i])) for row in [columns, *rows]) for i in range(len(columns))]
    for row in [columns, *rows]:
        cells = [str(cell).ljust(w) if i < 2 else str(cell).rjust(w) for i, (cell, w) in enumerate(zip(row, widths))]
        print("  " + "  ".join(cells))


def ratio(theirs, ours):
    return f"{theirs / ours:.2f}x"


def run_products(glass, peers, threads, quick):
    peers = [p for p in peers if p.why_not is None]
    rows, worst = [], {}
    for M, N, K in PRODUCTS:
        flops = 2.0 * M * N * K
        if quick and flops > QUICK:
            continue
        answers = {p.name: p.ask("product", (M, N, K)) for p in peers}
        peak, ours = glass_rows(glass, "--product", (M, N, K), threads)
        for i, (name, formula) in enumerate(LAYOUTS):
            rate = flops / ours[name] * 1e-6
            row = [f"{M}x{N}x{K}", formula, f"{rate:.1f}", f"{100 * rate / peak:.0f} %"]
            for p in peers:
                theirs = answers[p.name][i]
                row += [f"{flops / theirs * 1e-6:.1f}", ratio(theirs, ours[name])]
                worst[p.name] = min(worst.get(p.name, math.inf), theirs / ours[name])
            rows.append(row)
    columns = ["M x N x K", "product", "GFLOP/s", "of peak"]
    for p in peers:
        columns += [p.name, "faster"]
    table(f"Matrix products, f32, {threads} thread{'s' * (threads > 1)}", columns, rows)
    for name, value in worst.items():
        print(f"  the worst ratio to {name}: {value:.2f}x")


def run_attention(glass, peers, threads, quick):
    peers = [p for p in peers if p.why_not is None and p.name == "PyTorch"]
    rows = []
    for sizes in ATTENTION:
        B, H, T, D = sizes
        if quick and 14.0 * B * H * T * T * D > QUICK:
            continue
        answers = {p.name: p.ask("attention", sizes) for p in peers}
        _, ours = glass_rows(glass, "--attention", sizes, threads)
        forward, both = ours["attention"], ours["attention"] + ours["attention_backward"]
        for i, (what, mine) in enumerate([("forward", forward), ("forward + backward", both)]):
            row = ["x".join(map(str, sizes)), what, f"{mine:.3f}"]
            for p in peers:
                row += [f"{answers[p.name][i]:.3f}", ratio(answers[p.name][i], mine)]
            rows.append(row)
    columns = ["B x H x T x D", "causal attention", "ms"]
    for p in peers:
        columns += [p.name, "faster"]
    table(f"Attention, f32, {threads} thread{'s' * (threads > 1)}", columns, rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--glass", default="build/release/glass")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--only", choices=["products", "attention"])
    parser.add_argument("--quick", action="store_true", help="leave out what takes long")
    parser.add_argument("--worker", choices=["OpenBLAS", "PyTorch"], help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return serve({"OpenBLAS": openblas_worker, "PyTorch": torch_worker}[args.worker], int(args.threads))
    for threads in map(int, args.threads.split(",")):
        peers = [Peer(name, threads) for name in ("OpenBLAS", "PyTorch")]
        for p in peers:
            if p.why_not is not None:
                print(f"SKIPPED {p.name}: {p.why_not}")
        if args.only != "attention":
            run_products(args.glass, peers, threads, args.quick)
        if args.only != "products":
            run_attention(args.glass, peers, threads, args.quick)
        for p in peers:
            p.close()


if __name__ == "__main__":
    main()
