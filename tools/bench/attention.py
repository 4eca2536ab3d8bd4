#!/usr/bin/env python3
"""Causal attention forward and backward beside PyTorch's scaled_dot_product_attention, turn by turn.

  tools/bench/attention.py [--only 1024,2048,4096,8192] [--dtype f32|bf16] [--rounds N] [--json | --markdown]

12 heads of 64, 8,192 tokens in every step: many short windows or one long one. Memory is q, k, v, the result, their
gradients and one number a query in both programs, so it grows with the tokens and not with their square.
"""
import statistics

import side_by_side as sbs

TOKENS, H, D = 8192, 12, 64
SPEC = dict(n_head=H, n_embd=H * D, kind="attention", warmup=1, flush=True, linear="aten", compile="")


def compare(args, T, notes):
    B, seen = TOKENS // T, []
    spec = {**SPEC, "dtype": args.dtype, "batch": B, "block": T, "threads": args.threads}
    peer = sbs.Worker("scaled_dot_product_attention", "torch_gpt.py", spec, sbs.tuned_environment(notes))
    if peer.why_not:
        sbs.sys.exit(f"error: PyTorch did not start: {peer.why_not}")

    def glass():
        answer = sbs.glass_json(args, "ops", "--attention", f"{B}x{H}x{T}x{D}", "--dtype", args.dtype)
        seen.append(sum(row["gflops"] * row["ms"] for row in answer["rows"]) / sum(row["ms"] for row in answer["rows"]) /
                    answer["peaks"][0]["gflops"])
        return [sum(row["ms"] for row in answer["rows"])]

    times = sbs.take_turns({"glass": glass, "torch": lambda: peer.turn(3)}, args.rounds or 3)
    peer.close()
    result = {"work": "attention", "dtype": args.dtype, "T": T, "B": B, "ms": statistics.median(times["glass"]),
              "peer_ms": statistics.median(times["torch"]), "ratio": sbs.ratios(times, "glass")["torch"],
              "fraction_of_peak": statistics.median(seen), "peer_rss_mb": peer.rss}
    sbs.progress(f"attention, {args.dtype}, T = {T}: glass {result['ms']:.1f} ms, PyTorch {result['peer_ms']:.1f} ms, {result['ratio']:.2f}x")
    return result


def show(results, markdown):
    rows = [[f"{r['B']} x {H} x {r['T']} x {D}", f"{r['ms']:.1f}", f"{100 * r['fraction_of_peak']:.0f} %", f"{r['peer_ms']:.1f}",
             f"{r['ratio']:.2f}x"] for r in results]
    print(sbs.table(["forward + backward, B x H x T x D", "ms", "of the peak", "PyTorch, ms", "glass is"], rows, markdown))


def main():
    args = sbs.options(__doc__, only=dict(default="1024,2048,4096,8192", help="lengths of a window"),
                       dtype=dict(default="f32", choices=["f32", "bf16"], help="what q, k, v and all gradients are stored in"))
    torch_version, notes, quiet = sbs.need_torch(), [], sbs.Quiet()
    results = [compare(args, int(T), notes) for T in args.only.split(",")]
    sbs.tell(args, torch_version, quiet, notes, results, lambda: show(results, args.markdown))


main()
