#!/bin/sh
# Searches for bytes that make a reader fall over:  sh tools/fuzz.sh [SECONDS] [TARGET]
# Every program of tests/fuzz (or only TARGET) runs for SECONDS (30), two at a time where there are two processors. What
# it learns stays in build/fuzz/fuzz/corpus, so the next run goes on from there. Needs clang with libFuzzer.
set -eu
cd "$(dirname "$0")/.."
. tools/setup.sh

case ${1:-} in
  -h | --help) sed -n '2,4s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac
GLASS_FUZZ_SECONDS=${1:-30}
export GLASS_FUZZ_SECONDS
has_libfuzzer || stop "there is no clang++ with libFuzzer here; Debian, Ubuntu: apt-get install clang libclang-rt-14-dev."
configure fuzz
quietly cmake --build "$build_folder/fuzz" --target fuzz
exec ctest --test-dir "$build_folder/fuzz" -j "$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)" \
  -R "^fuzz_${2:-.*}$" -V
