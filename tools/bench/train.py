#!/usr/bin/env python3
"""Training steps beside PyTorch's, turn by turn: how many times as fast is glass?

  tools/bench/train.py [--only a,b,g] [--settings tuned,compiled] [--dtype f32|bf16] [--rounds N] [--json | --markdown]

PyTorch runs with several settings, from what `pip install torch` gives to the best that we found; the ratio that counts
is the one to its best. A setting that needs something this machine lacks is left out, and said so. torch.compile takes
minutes the first time; its cache makes the second run short.
"""
import statistics

import side_by_side as sbs

# The configurations of nanoGPT that a processor can train, and GPT-2's smallest. `runs`: steps in a turn.
CONFIGS = {
    "a": dict(title="4 layers of 128, 12 x 64 letters", glass=["--preset", "char-small"], runs=30, rounds=5, warmup=10,
              spec=dict(n_layer=4, n_head=4, n_embd=128, block=64, batch=12, dropout=0.0, bias=False, vocab=65, gelu="erf")),
    "b": dict(title="6 layers of 384, 64 x 256 letters, dropout 0.2", glass=["--preset", "char-base", "--batch", "64", "--dropout", "0.2"],
              runs=1, rounds=3, warmup=2,
              spec=dict(n_layer=6, n_head=6, n_embd=384, block=256, batch=64, dropout=0.2, bias=False, vocab=65, gelu="erf")),
    "b0": dict(title="the same without dropout", glass=["--preset", "char-base", "--batch", "64", "--dropout", "0"],
               runs=1, rounds=3, warmup=2,
               spec=dict(n_layer=6, n_head=6, n_embd=384, block=256, batch=64, dropout=0.0, bias=False, vocab=65, gelu="erf")),
    "g": dict(title="GPT-2 124M, 4 x 64 tokens", glass=["--preset", "gpt2", "--block-size", "64", "--batch", "4"],
              runs=3, rounds=3, warmup=2,
              spec=dict(n_layer=12, n_head=12, n_embd=768, block=64, batch=4, dropout=0.0, bias=True, vocab=50257, gelu="tanh")),
    "g8": dict(title="GPT-2 124M, 8 x 256 tokens", glass=["--preset", "gpt2", "--block-size", "256", "--batch", "8"],
               runs=1, rounds=3, warmup=2,
               spec=dict(n_layer=12, n_head=12, n_embd=768, block=256, batch=8, dropout=0.0, bias=True, vocab=50257, gelu="tanh")),
}

PLAIN = dict(threads=0, flush=False, optimizer="stock", attention="sdpa", linear="aten", compile="", dtype="f32", kind="train")
TUNED = dict(PLAIN, flush=True, optimizer="fused")
SETTINGS = {   # name: (spec, whether the environment is tuned)
    "stock": (PLAIN, False),
    "tuned": (TUNED, True),
    "tuned, oneDNN": (dict(TUNED, linear="onednn"), True),
    "tuned, math attention": (dict(TUNED, attention="math"), True),
    "compiled": (dict(TUNED, compile="default"), True),
    "bf16": (dict(TUNED, dtype="bf16"), True),
    "bf16, compiled": (dict(TUNED, dtype="bf16", compile="default"), True),
}
DEFAULT = {"f32": ["stock", "tuned", "compiled"], "bf16": ["bf16", "bf16, compiled"]}
TAKES_MINUTES = ["b", "b0", "g8"]   # here the setting that nobody wants is left out, unless --settings asks for it


def glass_step(args, config, dtype, seen):
    def turn():
        answer = sbs.glass_json(args, "train", *config["glass"], "--dtype", dtype, "--steps", config["runs"],
                                "--warmup-steps", min(config["warmup"], 5))
        seen.append(answer)
        return [answer["ms_per_step"]]
    return turn


def compare(args, key, settings, dtype, notes):
    """One configuration beside one setting of PyTorch after the other, so that only one of them holds memory."""
    config, seen = CONFIGS[key], []
    if sbs.glass_json(args, "train", "--preset", "names", "--steps", 1, "--dtype", dtype) is None:
        notes.append(f"this glass does not train in {dtype}")
        return None
    tokens = config["spec"]["batch"] * config["spec"]["block"]

    def row(name, ms, ratio, rss):
        return {"name": name, "ms": statistics.median(ms), "min_ms": min(ms), "max_ms": max(ms),
                "tokens_per_second": 1e3 * tokens / statistics.median(ms), "times_as_fast_as_it": ratio, "peak_rss_mb": rss}

    ours, rows = [], []
    for name in settings:
        spec, tuned = SETTINGS[name]
        spec = {**spec, **config["spec"], "warmup": config["warmup"], "threads": args.threads if tuned else 0}
        peer = sbs.Worker(name, "torch_gpt.py", spec, sbs.tuned_environment(notes) if tuned else {})
        if peer.why_not:
            notes.append(f"({key}) {name}: left out, {peer.why_not}")
            continue
        turns = {"glass": glass_step(args, config, dtype, seen), name: lambda: peer.turn(config["runs"])}
        times = sbs.take_turns(turns, args.rounds or config["rounds"])
        peer.close()
        ours += times["glass"]
        rows.append(row(name, times[name], sbs.ratios(times, "glass")[name], peer.rss))
        sbs.progress(f"({key}) {dtype}: glass {statistics.median(times['glass']):.1f} ms, PyTorch {name} {rows[-1]['ms']:.1f} ms, "
                     f"{rows[-1]['times_as_fast_as_it']:.2f}x")
    if not rows:
        return None
    best = min(rows, key=lambda r: r["times_as_fast_as_it"])      # the one that we gain least on
    rows.insert(0, row("glass", ours, 1.0, max(s["peak_rss_mb"] for s in seen)))
    return {"config": key, "title": config["title"], "dtype": dtype, "rows": rows,
            "fraction_of_peak": seen[-1]["rows"][0]["fraction_of_peak"],
            "best_peer": best["name"], "ratio_to_best": best["times_as_fast_as_it"]}


def show(result, markdown):
    print(f"\n({result['config']}) {result['title']}, {result['dtype']}\n")
    rows = []
    for row in result["rows"]:
        name = row["name"] if row["name"] == "glass" else "PyTorch, " + row["name"]
        ratio = "" if row["name"] == "glass" else f"{row['times_as_fast_as_it']:.2f}x"
        rows.append([name, f"{row['ms']:.1f}", f"{row['min_ms']:.1f} to {row['max_ms']:.1f}",
                     f"{row['tokens_per_second']:,.0f}", f"{row['peak_rss_mb']:.0f}", ratio])
    print(sbs.table(["", "ms a step", "rounds", "tokens/s", "MiB", "glass is"], rows, markdown))


def main():
    args = sbs.options(__doc__, only=dict(default="a,b,g", help="configurations: " + ", ".join(CONFIGS)),
                       settings=dict(default="", help="of PyTorch, with ; between: " + "; ".join(SETTINGS)),
                       dtype=dict(default="f32", choices=["f32", "bf16"]))
    torch_version, notes, results, quiet = sbs.need_torch(), [], [], sbs.Quiet()
    asked = [s.strip() for s in args.settings.split(";") if s.strip()]
    sbs.need_names(args.only.split(","), CONFIGS)
    sbs.need_names(asked, SETTINGS)
    for key in args.only.split(","):
        settings = asked or [name for name in DEFAULT[args.dtype] if name != "stock" or key not in TAKES_MINUTES]
        result = compare(args, key, settings, args.dtype, notes)
        if result is None:
            break
        results.append(result)
        if not args.json:
            show(result, args.markdown)
    sbs.tell(args, torch_version, quiet, notes, results, lambda: None)


main()
