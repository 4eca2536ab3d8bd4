#!/bin/sh
# From a fresh clone to a model that invents names:  sh tools/quickstart.sh
# Installs what is missing (saying what), builds the release version, trains microgpt on the names we ship.
set -eu
cd "$(dirname "$0")/.."
. tools/setup.sh

need_to_build
install_missing
check_versions

# Building only the program needs no GoogleTest; a folder that was configured with tests keeps them.
tests=-DGLASS_TESTS=OFF
[ ! -f "$build_folder/release/CMakeCache.txt" ] || tests=''
say "Building glass in $build_folder/release (a few minutes the first time) ..."
# shellcheck disable=SC2086
configure release $tests
quietly cmake --build "$build_folder/release" --target glass

glass=$build_folder/release/glass
say ""
say "Training a GPT with 4,192 parameters on given names from all over the world, one name a step:"
say "  \$ $glass micro"
say ""
# All thousand steps are a lot to read here: every hundredth is enough to see the loss fall.
output=$("$glass" micro)
printf '%s\n' "$output" | awk '!/^step/ || $2 == 1 || $2 % 100 == 0'

say ""
printf '%s\n' "$output" | awk '
  NR == FNR { known[$1] = 1; next }
  /^sample/ { all++; if (!($3 in known)) { fresh++; names = names " " $3 } }
  END { printf "%d of these %d names are not in the list that it was given; it made them up, letter by letter:\n %s\n", fresh, all, names }
' data/names.txt -

say ""
say "What next?"
printf '  %-40s %s\n' \
  "$glass micro --help" "longer, with your own names, or stopping at every operation" \
  "$glass trace" "one training step, node by node" \
  "$glass info" "what this machine can do" \
  "README.md" "where to start reading"
