"""What Metal's language forbids and clang would let pass, looked for in clang's syntax tree of the kernels.

Metal is C++14 without lambdas, inheritance, recursion, pointers to functions, variables outside of functions, double,
exceptions and a dozen other words; memory of the group is declared in kernels only; every pointer and every reference
says which memory it leads to. The stand-in for <metal_stdlib> beside this file makes most of that an error. The rest is
asked of the tree here. Every rule is tried with a kernel that breaks it.
  python3 tests/gpu/metal/rules_test.py
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
CLANG = ["clang++", "-std=c++14", "-fsyntax-only", "-x", "c++", "-nostdinc", "-nostdinc++", "-Wall", "-Wextra", "-Werror",
         "-Wvla", "-Wno-unknown-attributes", "-Wno-unused", "-Wno-unused-parameter",
         "-Wno-pragma-once-outside-header", "-Wdouble-promotion",
         "-fno-rtti", "-fno-exceptions", "-D__METAL_VERSION__=310", f"-I{ROOT}/tests/gpu/metal", f"-I{ROOT}",
         "-Xclang", "-ast-dump", "-fno-color-diagnostics"]
LINE = re.compile(r"^[| `-]*(\w+) (0x\w+) (?:parent 0x\w+ )?(?:prev (0x\w+) )?(.*)$")
FUNCTIONS = {"FunctionDecl", "CXXMethodDecl", "CXXConstructorDecl", "CXXConversionDecl"}
GROUP_MEMORY = "address_space(3)"
MEMORIES = {"GLOBAL", "SHARED", "LOCAL", "CONSTANT", "device", "threadgroup", "thread", "constant"}
REFERENCE = re.compile(r"(\w+\s+)?(?:const\s+)?\b([A-Za-z_][\w:]*)(?:<[^<>]*>)?(?:& |\s*\(&)\w+")


def homeless_references(text):
    """Parameters that are references and do not say to which memory; the tree does not know LOCAL."""
    for line in re.sub(r"//[^\n]*", "", text).splitlines():
        for found in REFERENCE.finditer(line):
            if found.group(2) not in ("return", "operator") and (found.group(1) or "").strip() not in MEMORIES:
                yield f"a reference to no memory: {line.strip()}"


class Tree:
    """Goes through the lines of clang's dump and remembers in which function it is. A function is known by the address
    of its first declaration: several have one name."""

    def __init__(self, dump):
        self.found, self.calls, self.names, self.first = [], {}, {}, {}
        self.kernels, self.group_arrays = set(), []
        stack = []   # (depth, kind, function)
        for line in dump.splitlines():
            depth = len(re.match(r"[| `-]*", line).group()) // 2
            while stack and stack[-1][0] >= depth:
                stack.pop()
            match = LINE.match(line)
            if not match:
                if re.match(r"[| `-]*(?:public|protected|private) '", line):
                    self.found.append("inheritance: " + line.strip("|`- "))
                continue
            kind, address, before, rest = match.groups()
            around = next((function for _, _, function in reversed(stack) if function), None)
            self.look(kind, rest, around, [k for _, k, _ in stack])
            function = None
            if kind in FUNCTIONS:
                function = self.first[address] = self.first.get(before, address)
                self.names[function] = (re.search(r"(\S+) '[^']*'", rest) or [None, "?"])[1]
            stack.append((depth, kind, function))
        self.found += [f"memory of the group in {self.names[f]}, which is no kernel" for f in self.group_arrays
                       if f not in self.kernels]
        self.found += [f"recursion: {self.names[f]}" for f in self.calls if self.reaches(f, f, set())]

    def look(self, kind, rest, function, around):
        name = self.names.get(function)
        if kind == "LambdaExpr":
            self.found.append(f"a lambda in {name}")
        if kind == "ParmVarDecl" and re.search(r"\bid_ '", rest):
            self.kernels.add(function)
        if kind in ("VarDecl", "ParmVarDecl", "FieldDecl") and re.search(r"\(\*[^)]*\)\(", rest):
            self.found.append(f"a pointer to a function: {rest[-60:]}")
        if kind == "VarDecl" and function is None and "CXXRecordDecl" not in around:
            self.found.append(f"a variable outside of functions: {rest[-60:]}")
        if kind == "VarDecl" and function and re.search(r"' static\b", rest):
            if GROUP_MEMORY in rest:
                self.group_arrays.append(function)
            else:
                self.found.append(f"a static variable in {name}")
        called = re.search(r"(?:Function|CXXMethod) (0x\w+) '", rest) if kind in ("DeclRefExpr", "MemberExpr") else None
        if called and function:
            self.calls.setdefault(function, set()).add(called.group(1))

    def reaches(self, start, goal, seen):
        for called in self.calls.get(start, ()):
            called = self.first.get(called, called)
            if called == goal:
                return True
            if called not in seen:
                seen.add(called)
                if self.reaches(called, goal, seen):
                    return True
        return False


def faults(text, folder):
    """All that is wrong with a text of kernels."""
    file = pathlib.Path(folder, "kernels.metal")
    file.write_text(text)
    done = subprocess.run([*CLANG, str(file)], capture_output=True, text=True, check=False)
    found = [line for line in done.stderr.splitlines() if " error: " in line]
    return found + Tree(done.stdout).found + list(homeless_references(text))


HEAD = """#include "kernels/gpu/language/gpu.h"
namespace glass { namespace gpu {
struct A { GLOBAL const float* x; GLOBAL float* out; uint n; };
%s
KERNEL(planted, A, 64) { Thread t = this_thread(); %s }
}}
"""
GOOD = [
    ("memory of the group", "", "SHARED_ARRAY(float, s, [64]); s[t.id] = p.x[t.id]; barrier(t); p.out[t.id] = s[63 - t.id];"),
    ("a helper", "GPU_FN float f(SHARED float* s, LOCAL float& r) { r += s[0]; return r; }",
     "SHARED_ARRAY(float, s, [64]); float r = 0; s[t.id] = 0; barrier(t); p.out[0] = f(s, r);"),
    ("an array of a thread", "template <uint R> GPU_FN float f(LOCAL float (&to)[R]) { return to[R - 1]; }",
     "float v[4] = {}; p.out[0] = f(v);"),
    ("two functions of one name", "GPU_FN float f(uint n) { return float(n); } GPU_FN float g(float x) { return f(uint(x)); }",
     "p.out[0] = g(p.x[0]);"),
]
BAD = [
    ("a pointer without a memory", "GPU_FN float f(const float* x) { return x[0]; }", "p.out[0] = f(p.x);"),
    ("another memory", "GPU_FN float f(GLOBAL const float* x) { return x[0]; }", "SHARED_ARRAY(float, s, [4]); p.out[0] = f(s);"),
    ("a local pointer without a memory", "", "float* q = p.out; q[0] = 1;"),
    ("a reference without a memory", "GPU_FN void f(float& x) { x = 1; }", "float v; f(v); p.out[0] = v;"),
    ("an array by reference without a memory", "GPU_FN void f(float (&x)[2]) { x[0] = 1; }", "float v[2]; f(v); p.out[0] = v[0];"),
    ("writing what is constant", "", "p.x[0] = 1;"),
    ("writing to the arguments", "", "p.n = 1;"),
    ("double", "", "p.out[0] = float(double(p.x[0]));"),
    ("a double number", "", "p.out[0] = p.x[0] * 0.1;"),
    ("a lambda", "", "auto f = [&](float v) { return v * 2.0f; }; p.out[0] = f(p.x[0]);"),
    ("inheritance", "struct B { int x; }; struct D : B { int y; };", "D d; d.y = 1; p.out[0] = float(d.y);"),
    ("virtual", "struct B { virtual int f(); };", ""),
    ("recursion", "GPU_FN uint f(uint n) { return n < 2 ? 1 : n * f(n - 1); }", "p.out[0] = float(f(p.n));"),
    ("recursion of two", "GPU_FN uint g(uint n); GPU_FN uint f(uint n) { return n < 2 ? 1 : g(n - 1); }\n"
     "GPU_FN uint g(uint n) { return f(n / 2); }", "p.out[0] = float(f(p.n));"),
    ("a pointer to a function", "GPU_FN float g(float x) { return x; }", "float (*f)(float) = g; p.out[0] = f(p.x[0]);"),
    ("a function that takes one", "GPU_FN float h(float (*f)(float)) { return f(1.0f); } GPU_FN float g(float x) { return x; }",
     "p.out[0] = h(g);"),
    ("a global variable", "static int counter;", "p.out[0] = float(counter);"),
    ("a global constant", "const float kHalf = 0.5f;", "p.out[0] = kHalf;"),
    ("a static variable", "", "static int counter; p.out[0] = float(++counter);"),
    ("memory of the group in a helper", "GPU_FN float f(Thread t) { SHARED_ARRAY(float, s, [4]); s[0] = 1; barrier(t); return s[0]; }",
     "p.out[0] = f(t);"),
    ("std::", "", "p.out[0] = std::max(p.x[0], 1.0f);"),
    ("a header of C++", "#include <algorithm>", ""),
    ("new", "", "float* f = new float[4]; p.out[0] = f[0];"),
    ("delete", "", "delete p.out;"),
    ("goto", "", "again: if (p.out[0] > 0) goto again;"),
    ("try", "", "try { p.out[0] = 1; } catch (...) {}"),
    ("throw", "", "throw 1;"),
    ("typeid", "", "p.out[0] = typeid(p.n) == typeid(int);"),
    ("dynamic_cast", "struct B {};", "B b; dynamic_cast<B&>(b);"),
    ("thread_local", "", "thread_local int n = 0; p.out[0] = float(n);"),
    ("noexcept", "GPU_FN float f() noexcept { return 1; }", "p.out[0] = f();"),
    ("asm", "", 'asm("nop");'),
    ("if constexpr", "", "if constexpr (sizeof(p.n) == 4) p.out[0] = 1;"),
    ("a structured binding", "struct P2 { float a, b; };", "auto [a, b] = P2{1, 2}; p.out[0] = a + b;"),
    ("an inline variable", "inline constexpr int kTwo = 2;", "p.out[0] = kTwo;"),
    ("a concept", "template <class T> requires true GPU_FN T f(T x) { return x; }", ""),
    ("nested namespaces in one word", "namespace one::two { struct C {}; }", ""),
    ("an array as long as an argument", "", "float v[p.n]; v[0] = 1; p.out[0] = v[0];"),
    ("a function of C", "", "p.out[0] = tanhf(p.x[0]);"),
    ("a number that may not fit", "", "ushort s{p.n}; p.out[0] = s;"),
]


class MetalRules(unittest.TestCase):
    def setUp(self):
        if not shutil.which("clang++"):
            self.skipTest("clang++ is not installed")
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def test_the_kernels_keep_them(self):
        self.assertEqual(faults('#include "kernels/gpu/all.h"\n', self.folder.name), [])
        read_by_metal = subprocess.run(["clang++", "-M", *CLANG[CLANG.index("-x"):CLANG.index("-Xclang")], str(ROOT / "kernels/gpu/all.h")],
                                       capture_output=True, text=True, check=True).stdout
        headers = re.findall(r"\S+/kernels/gpu/\S+\.h", read_by_metal)
        self.assertGreater(len(headers), 15)
        for header in headers:
            self.assertEqual(list(homeless_references(pathlib.Path(header).read_text())), [], header)

    def test_a_kernel_that_keeps_them_passes(self):
        for what, before, body in GOOD:
            with self.subTest(what):
                self.assertEqual(faults(HEAD % (before, body), self.folder.name), [])

    def test_each_is_enforced(self):
        for what, before, body in BAD:
            with self.subTest(what):
                self.assertNotEqual(faults(HEAD % (before, body), self.folder.name), [])


if __name__ == "__main__":
    result = unittest.main(argv=sys.argv[:1], exit=False).result
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed, {len(result.skipped)} skipped")
    sys.exit(failed > 0)
