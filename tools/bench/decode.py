#!/usr/bin/env python3
"""Writing and reading tokens with GPT-2 124M beside PyTorch's, turn by turn.

  tools/bench/decode.py [--rounds N] [--json | --markdown]

Random weights, batch 1. PyTorch decodes with a cache of keys and values that is there from the start, in inference mode,
with scaled_dot_product_attention; MKL multiplies with its fast kernels, and in bf16 oneDNN does. The second setting asks
oneDNN in f32 too. For int8 and int4 there is no peer here: PyTorch has no weights of such types on a processor without
other packages.
"""
import statistics

import side_by_side as sbs

GPT2 = dict(n_layer=12, n_head=12, n_embd=768, dropout=0.0, bias=True, vocab=50257, gelu="tanh", start=8, warmup=3,
            flush=True, optimizer="fused", attention="sdpa", compile="", batch=1)
PEERS = {"f32": [("eager", dict(linear="aten", dtype="f32")), ("eager, oneDNN", dict(linear="onednn", dtype="f32"))],
         "bf16": [("eager, bf16", dict(linear="aten", dtype="bf16"))], "int8": [], "int4": []}
TOKENS, PROMPT = 32, 512


def compare(args, dtype, notes):
    seen = {"decode": [], "prefill": []}

    def glass():
        answer = sbs.glass_json(args, "decode", "--type", dtype, "--tokens", TOKENS, "--prompt", PROMPT)
        for row in answer["rows"]:
            seen[row["name"].split()[0].rstrip(",")].append(row)

    results = []
    times = {"decode": {}, "prefill": {}}
    peers = []
    for name, how in PEERS[dtype]:
        for kind in times:
            spec = {**GPT2, **how, "kind": kind, "threads": args.threads, "block": PROMPT}
            peer = sbs.Worker(name, "torch_gpt.py", spec, sbs.tuned_environment(notes))
            peer.kind = kind
            if peer.why_not:
                notes.append(f"{name}: left out, {peer.why_not}")
            else:
                peers.append(peer)
    for _ in range(args.rounds or 3):
        sbs.time.sleep(0.1)
        glass()
        for peer in peers:
            sbs.time.sleep(0.1)
            ms = statistics.median(peer.turn(TOKENS if peer.kind == "decode" else 3))
            times[peer.kind].setdefault(peer.name, []).append(ms)
    for peer in peers:
        peer.close()
    for kind in times:
        ours = [row["ms"] for row in seen[kind]]
        row = {"work": kind, "dtype": dtype, "ms": statistics.median(ours),
               "fraction_of_peak": statistics.median(r["fraction_of_peak"] for r in seen[kind]), "peers": {}}
        for name, ms in times[kind].items():
            row["peers"][name] = {"ms": statistics.median(ms), "ratio": statistics.median(a / b for a, b in zip(ms, ours))}
        results.append(row)
    return results


def show(results, markdown):
    rows = []
    for r in results:
        best = min(r["peers"].items(), key=lambda p: p[1]["ms"], default=("", None))
        tokens = 1 if r["work"] == "decode" else PROMPT
        work = "a token" if r["work"] == "decode" else f"a prompt of {PROMPT}"
        rows.append([f"{work}, {r['dtype']}", f"{r['ms']:.2f}", f"{1e3 * tokens / r['ms']:,.0f}", f"{100 * r['fraction_of_peak']:.0f} %",
                     f"{best[1]['ms']:.2f}" if best[1] else "-", best[0] or "-", f"{best[1]['ratio']:.2f}x" if best[1] else "-"])
    print(sbs.table(["GPT-2 124M", "ms", "tokens/s", "of the limit", "PyTorch, ms", "its best setting", "glass is"], rows, markdown))


def main():
    args = sbs.options(__doc__, types=dict(default="f32,bf16,int8,int4"))
    torch_version, notes, results, quiet = sbs.need_torch(), [], [], sbs.Quiet()
    for dtype in args.types.split(","):
        if dtype not in PEERS:
            sbs.sys.exit(f"error: there is no type {dtype!r}; there are {', '.join(PEERS)}.")
        results += compare(args, dtype, notes)
    sbs.tell(args, torch_version, quiet, notes, results, lambda: show(results, args.markdown))


main()
