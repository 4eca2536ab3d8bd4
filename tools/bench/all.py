#!/usr/bin/env python3
"""The table "Speed" of README.md and model/README.md, as Markdown, from one run of everything in this folder.

  tools/bench/all.py [--glass build/release/glass] [--only train,train-bf16,decode,attention,products] [-o FILE.json]

Takes about half an hour; nothing else should run meanwhile, and the last lines say whether something did.
"""
import argparse
import json
import os
import subprocess
import sys

import side_by_side as sbs

SCRIPTS = {   # part: what it runs
    "train": ["train.py", "--only", "a,b,b0,g,g8"],
    "train-bf16": ["train.py", "--only", "a,b,g", "--dtype", "bf16"],
    "decode": ["decode.py"],
    "attention": ["attention.py"],
}
LIBRARIES = ["libopenblas.so.0", "libdnnl.so.3", "libdnnl.so.2"]


def percent(x):
    return f"{100 * x:.0f} %"


def at_the_limit(ratio, fraction):
    """How many times as fast as the peer a program would be that did nothing else at the limit."""
    return f"{ratio / fraction:.2f}"


def rows_of(result):
    """One result of a script as a row: work, ours, PyTorch's best and its setting, ratio, share of the limit, ratio there."""
    if "config" in result:
        ours = result["rows"][0]
        best = next((r for r in result["rows"] if r["name"] == result["best_peer"]), None)
        return [f"training step, {result['title']}, {result['dtype']}", f"{ours['ms']:.1f} ms, {ours['peak_rss_mb']:.0f} MiB",
                f"{best['ms']:.1f} ms, {best['peak_rss_mb']:.0f} MiB ({best['name']})" if best else "-",
                f"{result['ratio_to_best']:.2f}" if best else "-", percent(result["fraction_of_peak"]),
                at_the_limit(result["ratio_to_best"], result["fraction_of_peak"]) if best else "-"]
    if result["work"] == "attention":
        return [f"attention forward + backward, {result['B']} windows of {result['T']}", f"{result['ms']:.1f} ms",
                f"{result['peer_ms']:.1f} ms", f"{result['ratio']:.2f}", percent(result["fraction_of_peak"]),
                at_the_limit(result["ratio"], result["fraction_of_peak"])]
    work = "GPT-2 writes a token" if result["work"] == "decode" else "GPT-2 reads 512 tokens"
    best = min(result["peers"].items(), key=lambda p: p[1]["ms"], default=None)
    return [f"{work}, {result['dtype']}", f"{result['ms']:.2f} ms", f"{best[1]['ms']:.2f} ms ({best[0]})" if best else "-",
            f"{best[1]['ratio']:.2f}" if best else "-", percent(result["fraction_of_peak"]),
            at_the_limit(best[1]["ratio"], result["fraction_of_peak"]) if best else "-"]


def products(glass, threads):
    """Matrix products beside the BLAS libraries that are installed: one row for each number of threads."""
    rows, told = [], []
    found = [name for name in LIBRARIES if sbs.library(name)][:2]
    if not found:
        return [], []
    for n in dict.fromkeys([1, threads]):
        done = subprocess.run([glass, "bench", "ops", "--peer", ",".join(found), "--threads", str(n), "--json"], capture_output=True,
                              text=True, env=dict(os.environ, OPENBLAS_CORETYPE=os.environ.get("OPENBLAS_CORETYPE", "SkylakeX")))
        if done.returncode != 0:
            continue
        answer = json.loads(done.stdout)
        told.append(answer)
        shares = [row["fraction_of_peak"] for row in answer["rows"]]
        rows.append([f"{len(shares)} matrix products, {n} thread{'s' if n > 1 else ''}", "-",
                     " and ".join(p["name"].split(" NO_")[0] for p in answer["peers"]),
                     f"{answer['geometric_mean']:.2f}, least {answer['least']:.2f}", f"{percent(min(shares))} to {percent(max(shares))}", "-"])
    return rows, told


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--glass")
    parser.add_argument("--only", default="products," + ",".join(SCRIPTS))
    parser.add_argument("-o", "--output", help="everything that was measured, as JSON")
    args = parser.parse_args()
    glass = sbs.find_glass(args.glass)
    sbs.need_torch()
    rows, everything, foreign = [], {}, {}
    for part in args.only.split(","):
        print(f"{part} ...", file=sys.stderr)
        if part == "products":
            more, everything[part] = products(glass, len(os.sched_getaffinity(0)))
            rows += more
            continue
        if part not in SCRIPTS:
            sys.exit(f"error: there is no part {part!r}; there are products, {', '.join(SCRIPTS)}.")
        script, *words = SCRIPTS[part]
        done = subprocess.run([sys.executable, os.path.join(sbs.HERE, script), *words, "--glass", glass, "--json"], stdout=subprocess.PIPE,
                              text=True)
        if done.returncode != 0:
            sys.exit(done.returncode)
        everything[part] = json.loads(done.stdout)
        foreign[part] = everything[part]["foreign_cpu_percent"]
        rows += [rows_of(result) for result in everything[part]["results"]]
    print(sbs.table(["work", "glass", "PyTorch at its best", "glass is x times as fast", "part of the limit", "x at the limit"],
                    rows, True))
    for part in everything.values():
        if isinstance(part, dict):
            print("\n" + ", ".join(f"{k} {v}" for k, v in part["versions"].items()))
            print("\nPyTorch: flush_denormal, fused AdamW, " + " ".join(f"{k}={v}" for k, v in part["environment"].items()))
            break
    print("\nOther programs took " + ", ".join(f"{x:.0f} % ({part})" for part, x in foreign.items()) + " of the processors.")
    for note in sorted({note for part in everything.values() if isinstance(part, dict) for note in part["notes"]}):
        print("Note: " + note)
    if args.output:
        with open(args.output, "w") as file:
            json.dump(everything, file, indent=1)


main()
