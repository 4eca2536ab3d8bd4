#!/bin/sh
# On a machine with an NVIDIA GPU: builds, holds every kernel that the real driver runs to the reference, lets NVIDIA's
# compute-sanitizer look on, and prints a table of what held. What a machine without a GPU cannot show, this can.
#   sh tools/gpu_check.sh [BUILD-FOLDER]      build/gpu unless said otherwise; needs cmake, a C++20 compiler, and nvcc or NVRTC
# Exit code 0 if everything held, 1 if something did not, 2 where there is no GPU.
set -u
cd "$(dirname "$0")/.." || exit 1
build=${1:-build/gpu}
unset GLASS_CUDA_DRIVER GLASS_STAND_IN
mkdir -p "$build"

cmake -S . -B "$build" -D CMAKE_BUILD_TYPE=Release -D GLASS_TESTS=ON >"$build.log" 2>&1 &&
  cmake --build "$build" --parallel --target glass test_kernels >>"$build.log" 2>&1 || {
  tail -n 20 "$build.log"
  echo "The build failed; all that it said is in $build.log."
  exit 1
}

gpu=$("$build/glass" info --threads 1 | sed -n 's/^  cuda  *//p')
case $gpu in
  "" | not\ here*)
    echo "There is no GPU to check: ${gpu:-this program was built without device cuda}."
    exit 2 ;;
esac
echo "$gpu"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
check() {   # a name, and a command
  name=$1
  shift
  if "$@" >"$work/log" 2>&1; then
    result=ok
  else
    result=FAILED
    failed=1
    cp "$work/log" "$build.$(echo "$name" | tr ' ,' '--').log"
  fi
  printf '%-52s %s\n' "$name" "$result"
}
sanitized() {   # a tool of compute-sanitizer, and what it looks for
  if command -v compute-sanitizer >"$work/log"; then
    check "$2 (compute-sanitizer $1)" compute-sanitizer --tool "$1" --error-exitcode 1 \
      "$build/test_kernels" --gtest_filter='*Bf16Table*/cuda'
  else
    printf '%-52s %s\n' "$2 (compute-sanitizer $1)" "not run: compute-sanitizer is not installed"
  fi
}
same_loss() {   # trains on the GPU and on the processor
  echo 'a rose is a rose is a rose is a rose, said the rose to the other rose' >"$work/rose.txt"
  for device in cuda cpu; do
    "$build/glass" train "$work/rose.txt" --device $device --n-layer 2 --n-head 2 --n-embd 64 --block-size 16 --batch 8 \
      --steps 50 --dtype "$1" --out "$work/$device$1" --json >"$work/$device.json" || return 1
  done
  awk -v gap="$2" '{ match($0, /"val_loss": *[0-9.]+/); split(substr($0, RSTART, RLENGTH), part, ":"); loss[NR] = part[2] }
    END { d = loss[1] - loss[2]; print loss[1], loss[2]; exit !(loss[1] > 0 && d * d < gap * gap) }' "$work/cuda.json" "$work/cpu.json"
}

check "every kernel in f32, all cases" "$build/test_kernels" --gtest_filter='*Parity*_cuda'
check "every kernel in bf16" "$build/test_kernels" --gtest_filter='*Bf16Table*/cuda'
check "a GPT learns what it learns on the processor, f32" same_loss f32 0.001
check "a GPT learns what it learns on the processor, bf16" same_loss bf16 0.05
sanitized memcheck "no access outside of memory"
sanitized racecheck "no race in shared memory"
sanitized synccheck "no barrier that somebody misses"
exit $failed
