#!/bin/sh
# From a fresh clone to a model that invents names:  sh tools/quickstart.sh
# Installs what is missing (saying what), builds the release version, trains a small GPT on the names we ship.
set -eu
cd "$(dirname "$0")/.."
. tools/setup.sh

need_to_build
install_missing
check_versions

# Building only the program needs no GoogleTest; a folder that was configured with tests keeps them.
tests=-DGLASS_TESTS=OFF
[ ! -f "$build_folder/release/CMakeCache.txt" ] || tests=''
run=out/quickstart
say "Building glass in $build_folder/release (a few minutes the first time) ..."
# shellcheck disable=SC2086
configure release $tests
quietly cmake --build "$build_folder/release" --target glass

glass=$build_folder/release/glass
say ""
say "Training a GPT with 102,400 weights on given names from all over the world:"
say "  \$ $glass train --out $run --overwrite"
say ""
"$glass" train --out "$run" --overwrite

say ""
say "What next?"
printf '  %-62s %s\n' \
  "$glass train book.txt" "learn from a text of your own" \
  "$glass sample --ckpt $run --prompt mar" "names that begin as you say" \
  "$glass inspect $run" "what is in the model" \
  "$glass micro" "the smallest GPT, and --pause to watch every operation" \
  "$glass info" "what this machine can do" \
  "README.md" "where to start reading"
