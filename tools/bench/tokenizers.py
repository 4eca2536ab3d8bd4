#!/usr/bin/env python3
"""How fast text becomes tokens here and in tiktoken, on one core each, in turns, the quickest of several.

    python3 tools/bench/tokenizers.py --glass build/release/glass --ranks DIR [--runs 3] [FILE]

Needs `pip install tiktoken`, and the rank files in DIR (glass data fetch r50k, cl100k, o200k). Without FILE, stories
that glass makes. The numbers of tokens must agree.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

FILES = {"gpt2": ("r50k_base", ["gpt2.tiktoken", "r50k_base.tiktoken"]),
         "cl100k": ("cl100k_base", ["cl100k_base.tiktoken"]), "o200k": ("o200k_base", ["o200k_base.tiktoken"])}


def peer(ranks, name):
    import tiktoken
    import tiktoken.load
    import tiktoken_ext.openai_public as public
    constructor, files = FILES[name]
    path = next(path for path in (os.path.join(ranks, file) for file in files) if os.path.exists(path))
    public.load_tiktoken_bpe = lambda *unused, **also_unused: tiktoken.load.load_tiktoken_bpe(path)
    return tiktoken.Encoding(**getattr(public, constructor)())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--glass", required=True)
    parser.add_argument("--ranks", required=True)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("FILE", nargs="?")
    args = parser.parse_args()
    try:
        import tiktoken  # noqa: F401
    except ImportError as missing:
        print(f"skipped: {missing}; pip install tiktoken")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = args.FILE or os.path.join(folder, "stories.txt")
        if not args.FILE:
            subprocess.run([args.glass, "data", "make", "stories", "-n", "20000", "-o", path], check=True, capture_output=True)
        with open(path, encoding="utf-8", newline="") as file:
            text = file.read()
        size = len(text.encode())
        print(f"{size / 1e6:.1f} MB of text\n")
        print("| | tokens | glass, MB/s | first time | tiktoken, MB/s | times as fast |")
        print("|---|---|---|---|---|---|")
        for name in FILES:
            theirs, ours, first, them = peer(args.ranks, name), [], [], []
            for _ in range(args.runs):
                done = subprocess.run([args.glass, "bench", "tokenizer", path, "--tokenizer", name, "--ranks", args.ranks,
                                       "--runs", "2", "--json"], check=True, capture_output=True)
                row = json.loads(done.stdout)["rows"][0]
                ours.append(row["mb_per_second"])
                first.append(size / 1e3 / row["first_ms"])
                start = time.perf_counter()
                ids = theirs.encode_ordinary(text)
                them.append(size / 1e6 / (time.perf_counter() - start))
            if len(ids) != row["tokens"]:
                raise SystemExit(f"{name}: {row['tokens']} tokens here and {len(ids)} there")
            print(f"| {name} | {len(ids):,} | {max(ours):.0f} | {max(first):.0f} | {max(them):.1f} | {max(ours) / max(them):.0f} |")


if __name__ == "__main__":
    sys.exit(main())
