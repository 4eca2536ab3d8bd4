"""The kernels of kernels/gpu as the two makers' compilers would read them.

  Metal   clang with a stand-in for <metal_stdlib> (metal/metal_stdlib): address spaces, and words that Metal lacks.
  CUDA    nvcc for sm_80 and sm_90a: no warning, and no register of a hot kernel spilled into memory.
  OneText what the program gives to compilers at run time means the same.

Each is left out, and says so, where its compiler is not installed. That the first can fail is tried with planted mistakes.
  python3 tests/gpu/compilers_test.py [--report]     --report: registers and spills of every kernel
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
KERNELS = "kernels/gpu/all.h"
METAL = ["-std=c++14", "-fsyntax-only", "-x", "c++", "-nostdinc", "-nostdinc++", "-Wall", "-Wextra", "-Werror",
         "-Wno-unknown-attributes", "-Wno-unused-function", "-Wno-pragma-once-outside-header",
         "-Wdouble-promotion", "-D__METAL_VERSION__=310"]
HOT = {"attention", "attention_dq", "matmul", "layernorm", "adamw", "cross_entropy", "matmul_along_along",
       "matmul_along_across", "matmul_across_across", "attention_blocks", "attention_blocks_dq", "attention_blocks_dkv",
       "attention_blocks_wide", "attention_blocks_wide_dq"}
# Sums of 16 keys by 128 numbers, twice, and the keys and values themselves: 192 of the 255 registers that a thread can
# have. A compiler that needs one more for an address puts it into memory.
FULL = {"attention_blocks_wide_dkv": 16}

# What no Metal compiler takes: (file, words there, what they become).
PLANTED = [
    ("attention.h", "SHARED const float* rows", "const float* rows"),
    ("attention.h", "LOCAL float (&to)[R]", "SHARED float (&to)[R]"),
    ("rows.h", "SHARED float* scratch, float v", "GLOBAL float* scratch, float v"),
    ("fold.h", "GLOBAL float* partial", "float* partial"),
    ("optimizer.h", "GLOBAL const AdamWPart* part = p.parts", "SHARED const AdamWPart* part = p.parts"),
    ("language/array.h", "CONSTANT Walk& w, CONSTANT Array& a", "GLOBAL Walk& w, CONSTANT Array& a"),
    ("softmax.h", "float top = minus_infinity()", "double top = minus_infinity()"),
    ("softmax.h", "float top = minus_infinity()", "float top = 1.0 * minus_infinity()"),
    ("rope.h", "g_cos(rest)", "cosf(rest)"),
    ("rope.h", "g_cos(rest)", "std::cos(rest)"),
    ("layernorm.h", "float mean = warp_sum", "float mean = new float[1] ? 0 : warp_sum"),
    ("matmul.h", "float sum[4][4] = {};", "float sum[4][4] = {}; p.M = 1;"),
]


# Headers of the host, and of one maker.
ELSEWHERE = {"gpu_host.h", "gpu_emulator.h", "gpu_cuda.h", "tile_emulator.h", "tile_cuda.h", "blocks_hopper.h", "kernel_list.h",
             "device_memory.h", "device_table.h", "workspace.h", "gpu_backend.h", "device.h"}
POINTER = re.compile(r"(\w+\s+)?(?:const\s+)?\b(?:float|uint|int|bf16|void|NormPart|AdamWPart)\s*\*")


def homeless_pointers(root):
    """Pointers that do not say which memory they point to; clang lets them stand where nobody converts them."""
    for file in sorted(pathlib.Path(root, "kernels/gpu").rglob("*.h")):
        if file.name in ELSEWHERE:
            continue
        for line in re.sub(r"//.*", "", file.read_text()).splitlines():
            for found in POINTER.finditer(line):
                if (found.group(1) or "").strip() not in ("GLOBAL", "SHARED", "LOCAL", "CONSTANT"):
                    yield f"{file.name}: {line.strip()}"


def metal(root):
    clang = shutil.which("clang++")
    homeless = list(homeless_pointers(root))
    if homeless:
        return subprocess.CompletedProcess([], 1, "", "\n".join(homeless))
    return subprocess.run([clang, *METAL, f"-I{ROOT}/tests/gpu/metal", f"-I{root}", f"{root}/{KERNELS}"],
                          capture_output=True, text=True)


def cuda(arch, folder):
    """ptxas's report: {kernel: (registers, bytes spilled)}."""
    result = subprocess.run(["nvcc", "-std=c++17", f"-arch={arch}", "-x", "cu", f"-I{ROOT}", "-cubin", "-Xptxas", "-v",
                             "-o", f"{folder}/kernels.cubin", f"{folder}/kernels.cu"], capture_output=True, text=True)
    text = result.stdout + result.stderr
    if result.returncode or "warning" in text:
        raise AssertionError(text)
    found = {}
    for part in re.split(r"Compiling entry function '", text)[1:]:
        spilled = int(re.search(r"(\d+) bytes spill stores", part).group(1))
        found[part.split("'")[0]] = (int(re.search(r"Used (\d+) registers", part).group(1)), spilled)
    return found


class Metal(unittest.TestCase):
    def setUp(self):
        if not shutil.which("clang++"):
            self.skipTest("clang++ is not installed")

    def test_reads_every_kernel(self):
        result = metal(ROOT)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_refuses_what_metal_refuses(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, words, instead in PLANTED:
                with self.subTest(f"{name}: {instead}"):
                    shutil.rmtree(f"{folder}/kernels", ignore_errors=True)
                    shutil.copytree(ROOT / "kernels", f"{folder}/kernels", ignore=shutil.ignore_patterns("*.cpp", "cpu"))
                    file = pathlib.Path(folder) / "kernels/gpu" / name
                    text = file.read_text()
                    self.assertIn(words, text, name)
                    file.write_text(text.replace(words, instead, 1))
                    self.assertNotEqual(metal(folder).returncode, 0)


class Cuda(unittest.TestCase):
    def test_compiles_for_both_generations_and_spills_nothing_hot(self):
        if not shutil.which("nvcc"):
            self.skipTest("nvcc is not installed")
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "kernels.cu").write_text(f'#include "{KERNELS}"\n')
            for arch in ("sm_80", "sm_90a"):
                found = cuda(arch, folder)
                self.assertGreater(len(found), 30)
                for kernel, (registers, spilled) in sorted(found.items()):
                    if "--report" in sys.argv:
                        print(f"{arch} {kernel}: {registers} registers, {spilled} bytes spilled")
                    if kernel in HOT or kernel in FULL:
                        self.assertLessEqual(spilled, FULL.get(kernel, 0), f"{arch} {kernel}")


class OneText(unittest.TestCase):
    """What tools/cmake/one_text.cmake makes of the headers, for compilers that read no files."""

    def test_means_what_the_headers_mean(self):
        compiler = shutil.which("c++") or shutil.which("clang++")
        if not compiler:
            self.skipTest("no C++ compiler is on the PATH")
        with tempfile.TemporaryDirectory() as folder:
            text = pathlib.Path(folder, "all.text")
            subprocess.run(["cmake", f"-DROOT={ROOT}", f"-DFROM={KERNELS}", f"-DTO={text}",
                            "-P", f"{ROOT}/tools/cmake/one_text.cmake"], check=True)
            self.assertNotIn('#include "', text.read_text())
            for maker in ("__CUDACC__", "__METAL_VERSION__"):
                def read(file):   # what the preprocessor leaves, one line for each that has words
                    result = subprocess.run([compiler, "-E", "-P", "-x", "c++", "-nostdinc", f"-D{maker}=1", f"-I{ROOT}",
                                             f"-I{ROOT}/tests/gpu/metal", file], capture_output=True, text=True, check=True)
                    return [" ".join(line.split()) for line in result.stdout.splitlines() if line.strip()]
                self.assertEqual(read(text), read(f"{ROOT}/{KERNELS}"), maker)

    def test_names_the_file_and_the_line_of_a_mistake(self):
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(ROOT / "kernels", f"{folder}/kernels", ignore=shutil.ignore_patterns("*.cpp", "cpu"))
            file = pathlib.Path(folder, "kernels/gpu/softmax.h")
            file.write_text(file.read_text() + "#error planted\n")
            text = pathlib.Path(folder, "all.text")
            subprocess.run(["cmake", f"-DROOT={folder}", f"-DFROM={KERNELS}", f"-DTO={text}",
                            "-P", f"{ROOT}/tools/cmake/one_text.cmake"], check=True)
            compiler = shutil.which("c++") or shutil.which("clang++")
            if not compiler:
                self.skipTest("no C++ compiler is on the PATH")
            result = subprocess.run([compiler, "-E", "-x", "c++", "-D__CUDACC__=1", text], capture_output=True, text=True)
            self.assertIn(f"kernels/gpu/softmax.h:{len(file.read_text().splitlines())}:", result.stderr)


if __name__ == "__main__":
    result = unittest.main(argv=sys.argv[:1], exit=False).result
    failed = len(result.failures) + len(result.errors)
    for test, why in result.skipped:
        print(f"left out: {test.id()}: {why}")
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed, {len(result.skipped)} skipped")
    sys.exit(failed > 0)
