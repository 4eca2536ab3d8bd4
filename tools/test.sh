#!/bin/sh
# Every test of the project:  sh tools/test.sh
#   --deep     also: address, undefined and thread sanitizers, ARM under qemu, fuzzing, and the long versions of tests
# The last line is "N passed, N failed, N skipped", over all test cases. It fails if one failed, if fewer passed than
# tests/floor.txt says, or if one was skipped for a reason that tests/QUARANTINE.md does not know.
set -eu
cd "$(dirname "$0")/.."
. tools/setup.sh

deep=no
for word in "$@"; do
  case $word in
    --deep) deep=yes ;;
    -h | --help) sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) printf "error: unknown flag '%s'; there is --deep.\n" "$word" >&2; exit 2 ;;
  esac
done

need_to_test
install_missing
check_versions

jobs=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
reports=''

# tier PRESET [ctest arguments]: build everything, run everything, remember the report. ctest's own verdict does not
# stop us: the sum at the end knows which case failed, and a program that crashed counts as one.
tier() {
  preset=$1
  shift
  say ""
  say "== $preset"
  configure "$preset" -DGLASS_TESTS=ON
  target=all
  [ "$preset" != fuzz ] || target=fuzz
  quietly cmake --build "$build_folder/$preset" --target "$target"
  report=$build_folder/$preset/tests.xml
  rm -f "$report"
  ctest --preset "$preset" --test-dir "$build_folder/$preset" -j "$jobs" --output-junit tests.xml \
    --test-output-size-passed 100000000 --test-output-size-failed 100000000 "$@" || true
  reports="$reports $report"
}

if [ "$deep" = yes ]; then
  GLASS_DEEP=1
  export GLASS_DEEP
fi
tier release

if [ "$deep" = yes ]; then
  # The chapters print what the release build prints; the sanitizers have nothing to add to that.
  tier asan --exclude-regex chapters
  tier ubsan --exclude-regex chapters
  tier tsan --exclude-regex chapters
  if has_libfuzzer; then
    tier fuzz   # 30 seconds a reader
  else
    say "fuzz: skipped (apt-get install clang libclang-rt-14-dev)"
  fi
  if have aarch64-linux-gnu-g++ && have qemu-aarch64; then
    tier neon
  else
    say "neon: skipped (apt-get install g++-aarch64-linux-gnu qemu-user)"
  fi
fi

say ""
# shellcheck disable=SC2086
python3 tests/summary.py --floor tests/floor.txt --quarantine tests/QUARANTINE.md $reports
