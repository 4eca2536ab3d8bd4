#!/usr/bin/env python3
"""Runs one program of the preset `fuzz` for a while and says what it did. ctest calls it; see tools/fuzz.sh.

    python3 tests/fuzz/run.py --program build/fuzz/fuzz_json --sources tests/fuzz --folder build/fuzz/fuzz json

GLASS_FUZZ_SECONDS says for how long (30). What reaches new code is kept in FOLDER/corpus/NAME, so the next run goes on
from there; what makes the program fall is kept in FOLDER/findings and printed.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--sources", required=True, type=pathlib.Path)
    parser.add_argument("--folder", required=True, type=pathlib.Path)
    parser.add_argument("name")
    args = parser.parse_args()
    corpus, findings = args.folder / "corpus" / args.name, args.folder / "findings"
    corpus.mkdir(parents=True, exist_ok=True)
    findings.mkdir(exist_ok=True)
    command = [args.program, str(corpus), str(args.folder / "seeds" / args.name), "-timeout=5", "-rss_limit_mb=1024",
               "-malloc_limit_mb=128", "-max_len=65536", "-print_final_stats=1",
               f"-max_total_time={os.environ.get('GLASS_FUZZ_SECONDS', '30')}", f"-artifact_prefix={findings}/{args.name}-"]
    words = args.sources / f"{args.name}.dict"
    if words.exists():
        command.append(f"-dict={words}")
    done = subprocess.run(command, capture_output=True, text=True, errors="replace")
    executions = re.search(r"stat::number_of_executed_units:\s*(\d+)", done.stderr)
    coverage = re.findall(r"cov: (\d+)", done.stderr)
    print(f"{args.name}: {int(executions.group(1)) if executions else 0:,} inputs, {coverage[-1] if coverage else 0} edges,"
          f" {len(list(corpus.iterdir())):,} kept")
    if done.returncode != 0:
        print(done.stderr[-8000:])
    print(f"{int(done.returncode == 0)} passed, {int(done.returncode != 0)} failed, 0 skipped")
    return done.returncode != 0


if __name__ == "__main__":
    sys.exit(main())
