#!/usr/bin/env python3
"""Training steps on an NVIDIA GPU: glass beside PyTorch 2 (compiled, bf16, flash attention), and beside what we predicted.

  tools/bench/gpu.py [--only gpt2,...] [--settings compiled,...] [--batch N] [--rounds N] [--json | --markdown]

MFU is the share of the chip's published peak that a step's products reach: 6 N + 6 L C T operations for a token, with N
the weights that are multiplied, L layers of width C, and windows of T. Both sides train in bf16 with weights in f32, on
random tokens, with AdamW and clipping, and wait for the loss of every step.
"""
import statistics
import subprocess
import sys

import side_by_side as sbs

SMALL = dict(block=1024, dropout=0.0, bias=True, vocab=50257, gelu="tanh")
PADDED = {50257: 50304}      # a vocabulary that PyTorch multiplies faster, as nanoGPT has it
CONFIGS = {
    "gpt2": dict(title="GPT-2 124M, 1024 tokens", batch=32, runs=20, rounds=5, warmup=10, glass=["--preset", "gpt2"],
                 spec=dict(SMALL, n_layer=12, n_head=12, n_embd=768)),
    "gpt2-medium": dict(title="GPT-2 350M, 1024 tokens", batch=16, runs=10, rounds=3, warmup=5, glass=["--preset", "gpt2-medium"],
                        spec=dict(SMALL, n_layer=24, n_head=16, n_embd=1024)),
    "char-base": dict(title="6 layers of 384, 256 letters", batch=64, runs=50, rounds=5, warmup=20,
                      glass=["--preset", "char-base", "--dropout", "0"],
                      spec=dict(n_layer=6, n_head=6, n_embd=384, block=256, dropout=0.0, bias=False, vocab=65, gelu="erf")),
}
PLAIN = dict(threads=0, flush=False, optimizer="fused", attention="sdpa", linear="aten", compile="", dtype="bf16", kind="train",
             device="cuda")
SETTINGS = {"eager": PLAIN, "compiled": dict(PLAIN, compile="default"), "max-autotune": dict(PLAIN, compile="max-autotune")}

# Tokens a second on an H100 for GPT-2 124M, by how far the kernels have come (kernels/README.md). Predictions, no
# measurements.
PREDICTED = [
    ("first kernels with mma.sync", 221e3, 0.18),
    ("tuned mma.sync", 331e3, 0.27),
    ("wgmma with cp.async", 394e3, 0.32),
    ("wgmma and TMA, warps with roles", 463e3, 0.37),
    ("near cuBLAS and FlashAttention 3", 506e3, 0.41),
]


def skip(why):
    print(f"skipped: {why}.")
    sys.exit(0)


def need_gpu():
    asked = "import torch; print(torch.cuda.is_available() and torch.cuda.get_device_name())"
    name = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True).stdout.strip()
    if name in ("", "False"):
        skip("PyTorch finds no NVIDIA GPU here")
    return name


def need_glass(args):
    """The glass of this call trains on the GPU, or says why not."""
    words = [args.glass, "bench", "train", "--device", "cuda", "--preset", "names", "--steps", "1", "--dtype", "bf16", "--json"]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode != 0:
        skip(f"glass does not train on the GPU: {done.stderr.strip().removeprefix('error: ').rstrip('.')}")


def flops_per_token(spec):
    L, C, T = spec["n_layer"], spec["n_embd"], spec["block"]
    return 6 * (12 * L * C * C + spec["vocab"] * C) + 6 * L * C * T


def glass_turn(args, config, batch, seen):
    def turn():
        answer = sbs.glass_json(args, "train", "--device", "cuda", "--dtype", "bf16", *config["glass"], "--batch", batch,
                                "--steps", config["runs"], "--warmup-steps", config["warmup"])
        if answer is None:
            sys.exit(f"error: glass bench train refuses {' '.join(config['glass'])}.")
        seen.append(answer)
        return [answer["ms_per_step"]]
    return turn


def compare(args, key, settings, notes):
    config, seen, rows, ours = CONFIGS[key], [], [], []
    batch = args.batch or config["batch"]
    spec = dict(config["spec"], batch=batch)
    tokens = batch * spec["block"]

    def row(name, ms, ratio, mib):
        return {"name": name, "ms": statistics.median(ms), "tokens_per_second": 1e3 * tokens / statistics.median(ms),
                "times_as_fast_as_it": ratio, "device_memory_mb": mib}

    for name in settings:
        padded = dict(spec, vocab=PADDED.get(spec["vocab"], spec["vocab"]), warmup=config["warmup"], threads=args.threads)
        peer = sbs.Worker(name, "torch_gpt.py", {**SETTINGS[name], **padded}, {})
        if peer.why_not:
            notes.append(f"{key}, {name}: left out, {peer.why_not}")
            continue
        turns = {"glass": glass_turn(args, config, batch, seen), name: lambda: peer.turn(config["runs"])}
        times = sbs.take_turns(turns, args.rounds or config["rounds"])
        peer.close()
        ours += times["glass"]
        rows.append(row("PyTorch, " + name, times[name], sbs.ratios(times, "glass")[name], peer.rss))
        sbs.progress(f"{key}: glass {statistics.median(times['glass']):.1f} ms, PyTorch {name} {rows[-1]['ms']:.1f} ms, "
                     f"{rows[-1]['times_as_fast_as_it']:.2f}x")
    if not rows:
        return None
    peak = seen[-1]["peaks"][0]
    rows.insert(0, row("glass", ours, 1.0, seen[-1]["rows"][0]["device_memory_mb"]))
    for one in rows:
        one["mfu"] = one["tokens_per_second"] * flops_per_token(spec) / (1e9 * peak["gflops"])
    return {"config": key, "title": config["title"], "batch": batch, "peak": peak, "rows": rows}


def show(result, markdown):
    peak = result["peak"]
    whose = "published" if peak["published"] else "measured"
    print(f"\n{result['title']}, batch {result['batch']}, bf16, {peak['device']}: peak {peak['gflops'] / 1e3:.0f} TFLOP/s {whose}, "
          f"a product of {peak['product_size']} cubed {peak['product_gflops'] / 1e3:.0f}\n")
    rows = [[one["name"], f"{one['ms']:.1f}", f"{one['tokens_per_second']:,.0f}", f"{100 * one['mfu']:.1f} %",
             f"{one['device_memory_mb']:.0f}", "" if one["name"] == "glass" else f"{one['times_as_fast_as_it']:.2f}x"]
            for one in result["rows"]]
    if result["config"] == "gpt2" and "H100" in peak["device"]:
        rows += [["predicted: " + name, "", f"{speed:,.0f}", f"{100 * mfu:.0f} %", "", ""] for name, speed, mfu in PREDICTED]
    print(sbs.table(["", "ms a step", "tokens/s", "MFU", "MiB", "glass is"], rows, markdown))


def main():
    args = sbs.options(__doc__, only=dict(default="gpt2", help="configurations: " + ", ".join(CONFIGS)),
                       settings=dict(default="compiled", help="of PyTorch: " + ", ".join(SETTINGS)),
                       batch=dict(type=int, default=0, help="windows in a step; 0: each configuration has its own number"))
    torch_version, quiet, notes, results = sbs.need_torch(), sbs.Quiet(), [], []
    sbs.need_names(args.only.split(","), CONFIGS)
    sbs.need_names(args.settings.split(","), SETTINGS)
    need_gpu()
    need_glass(args)
    for key in args.only.split(","):
        result = compare(args, key, args.settings.split(","), notes)
        if result is None:
            continue
        results.append(result)
        if not args.json:
            show(result, args.markdown)
    sbs.tell(args, torch_version, quiet, notes, results, lambda: None)


main()
