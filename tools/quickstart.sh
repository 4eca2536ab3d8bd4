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
say "Training a GPT with 4,192 parameters, one number at a time, on given names from all over the world:"
say "  \$ $glass micro"
say ""
"$glass" micro

say ""
say "None of these were in the list: the model made them up, letter by letter. What next?"
say "  $glass micro --help        longer, shorter, your own names, the tensor engine"
say "  $glass info                what this machine can do"
say "  less engine/README.md               how it works, in two chapters that run"
