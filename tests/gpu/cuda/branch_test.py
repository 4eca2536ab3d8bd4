"""Plants mistakes in the CUDA branch of the kernel language, one at a time: nvcc compiles each, the stand-in for a GPU runs it,
and somebody has to notice: the results, or the rules of the stand-in.

  python3 tests/gpu/cuda/branch_test.py --check BUILD/branch_check --stand-in BUILD/libstand_in_cuda.so [--verbose]

An ordinary run takes every third of them; GLASS_DEEP=1 takes all.
"""
import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
INCLUDES = {
    "products": ["kernels/gpu/fold.h", "kernels/gpu/matmul_blocks.h"],
    "attention": ["kernels/gpu/attention.h", "kernels/gpu/attention_blocks.h"],
    "rows": ["kernels/gpu/elementwise.h", "kernels/gpu/embedding.h", "kernels/gpu/matmul.h", "kernels/gpu/softmax.h"],
}
# (file in language/, architecture, what runs it, words there, what they become)
PLANTED = [
    ("tile_cuda.h", "80", "products", "x4.trans.shared", "x4.shared"),
    ("tile_cuda.h", "80", "products", "{%8,%9}", "{%9,%8}"),
    ("tile_cuda.h", "80", "products", "{%4,%5,%6,%7}", "{%5,%4,%6,%7}"),
    ("tile_cuda.h", "80", "products", "row + t.lane % 16, col + t.lane / 16 * 8", "row + t.lane % 16, col + t.lane / 8 % 2 * 8"),
    ("tile_cuda.h", "80", "products", "Corner{lane / 4, lane % 4 * 2}", "Corner{lane % 8, lane / 8 * 2}"),
    ("tile_cuda.h", "80", "products", '"r"(2 * count)', '"r"(16)'),
    ("tile_cuda.h", "80", "products", '"n"(in_flight)', '"n"(in_flight + 1)'),
    ("tile_cuda.h", "80", "products", 'asm volatile("cp.async.commit_group;" ::: "memory");', ""),
    ("tile_cuda.h", "80", "attention", "bf16_pair(c.v[2 * i], c.v[2 * i + 1])", "bf16_pair(c.v[2 * i + 1], c.v[2 * i])"),
    ("tile_cuda.h", "80", "attention", "return 1 + which;", "return 1 + 3 * which;"),
    ("blocks_hopper.h", "90a", "products", 'asm volatile("fence.proxy.async.shared::cta;" ::: "memory");', ""),
    ("blocks_hopper.h", "90a", "products", 'asm volatile("wgmma.fence.sync.aligned;" ::: "memory");', ""),
    ("blocks_hopper.h", "90a", "products", 'asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");', ""),
    ("blocks_hopper.h", "90a", "products", 'asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");', ""),
    ("blocks_hopper.h", "90a", "products", "wgmma.wait_group.sync.aligned 0;", "wgmma.wait_group.sync.aligned 1;"),
    ("blocks_hopper.h", "90a", "products", "swizzle_128 = 1", "swizzle_128 = 2"),
    ("blocks_hopper.h", "90a", "products", "next_rows = 8 * kBlock * 2 >> 4", "next_rows = 16 * kBlock * 2 >> 4"),
    ("blocks_hopper.h", "90a", "products", "next_block = kBlockNumbers * 2 >> 4", "next_block = kBlockNumbers >> 4"),
    ("blocks_hopper.h", "90a", "products", '"n"(lies_a == kAcross)', '"n"(0)'),
    ("blocks_hopper.h", "90a", "products", '"%64, %65, 1', '"%65, %64, 1'),
    ("blocks_hopper.h", "90a", "products", "lies_b == kAlong ? k : k * kBlock", "k"),
    ("blocks_hopper.h", "90a", "products", "return t.warp * 16;", "return t.warp % 4 * 16;"),
    ("gpu_cuda.h", "80", "rows", "{ __syncthreads(); }", "{}"),
    ("gpu_cuda.h", "80", "rows", "__shfl_xor_sync(0xffffffffu, v, mask)", "__shfl_xor_sync(0xffffffffu, v, mask ^ 1)"),
    ("gpu_cuda.h", "80", "rows", "atomicMax(x, v)", "atomicMin(x, v)"),
    ("gpu_cuda.h", "80", "rows", "threadIdx.x & 31", "threadIdx.x & 15"),
    ("gpu_cuda.h", "80", "rows", "__launch_bounds__(threads)", "__launch_bounds__(threads / 2)"),
    ("gpu_cuda.h", "80", "rows", "const __grid_constant__ Args p)", "const __grid_constant__ Args p, int)"),
]


def compiled(folder, includes, arch):
    """PTX of some kernels, read by way of the one text."""
    pathlib.Path(folder, "some.h").write_text("#pragma once\n" + "".join(f'#include "{name}"\n' for name in includes))
    text = pathlib.Path(folder, "some.cu")
    subprocess.run(["cmake", f"-DROOT={folder}", "-DFROM=some.h", f"-DTO={text}", "-P", f"{ROOT}/tools/cmake/one_text.cmake"],
                   check=True)
    ptx = pathlib.Path(folder, "some.ptx")
    subprocess.run(["nvcc", "-std=c++17", f"-arch=compute_{arch}", "-ptx", "-w", "-o", ptx, text], check=True)
    return ptx


def notice(options, folder, arch, what):
    environment = dict(os.environ, GLASS_CUDA_DRIVER=options.stand_in, GLASS_STAND_IN=f"capability={arch[:2]}")
    try:
        done = subprocess.run([options.check, compiled(folder, INCLUDES[what], arch), what], env=environment,
                              capture_output=True, text=True, timeout=300)
    except subprocess.CalledProcessError:
        return "nvcc: it does not compile"
    if done.returncode == 2:
        sys.exit(done.stdout)
    return done.stdout.strip() or done.stderr.strip() or f"ended with {done.returncode}" if done.returncode else ""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", required=True)
    parser.add_argument("--stand-in", required=True)
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    if not shutil.which("nvcc"):
        print("left out: nvcc is not installed")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    deep = "GLASS_DEEP" in os.environ
    chosen = PLANTED if deep else PLANTED[::3]
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "kernels", f"{folder}/kernels", ignore=shutil.ignore_patterns("*.cpp", "cpu"))
        for arch, what in sorted({(bug[1], bug[2]) for bug in chosen}):   # without a mistake nobody notices anything
            said = notice(options, folder, arch, what)
            passed, failed = (passed, failed + 1) if said else (passed + 1, failed)
            if said:
                print(f"FAILED {what} for {arch}, as they are: {said}")
        for name, arch, what, words, instead in chosen:
            file = pathlib.Path(folder, "kernels/gpu/language", name)
            text = file.read_text()
            if words not in text:
                sys.exit(f"{name} has no {words}: plant another mistake")
            file.write_text(text.replace(words, instead))
            said = notice(options, folder, arch, what)
            file.write_text(text)
            passed, failed = (passed + 1, failed) if said else (passed, failed + 1)
            if options.verbose or not said:
                print(f"{'noticed' if said else 'FAILED, nobody noticed'}: {name}: {words} -> {instead or 'nothing'}: {said.splitlines()[0][:120] if said else ''}")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
