#!/usr/bin/env python3
"""The engine of the page without a server: the same questions to `glass serve` and to the WebAssembly module, the same
answers.

    python3 tests/web/engine_test.py --glass build/release/glass --engine build/wasm/glass_wasm.js
    python3 tests/web/engine_test.py --glass build/release/glass --engine build/release/page_here

The module runs in node; page_here is made of the same files for this machine. All compute with the plain kernels, so what
differs is only what two C libraries make of exp and log. Skipped where the module was not built (cmake --preset wasm &&
cmake --build --preset wasm) or there is no node.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "peers"))
import peer  # noqa: E402

CIRCUIT = "handmade:induction"
PROMPT = "x7kq2x7k"
TRAP = "a = 1; b = a + a; c = b + b"

# Method, path, body. What answers with timings or a device is not here.
CALLS = [
    ("POST", "/api/micro/reset", {}),
    ("POST", "/api/micro/step", {"n": 60}),
    ("POST", "/api/micro/forward", {"text": "emma"}),
    ("POST", "/api/micro/backward", {}),
    ("POST", "/api/micro/update", {}),
    ("POST", "/api/micro/weights", {}),
    ("POST", "/api/micro/next", {"text": "em", "temperature": 0.7}),
    ("POST", "/api/micro/sample", {"n": 5, "temperature": 0.5}),
    ("POST", "/api/micro/value", {"program": TRAP}),
    ("POST", "/api/micro/value", {"program": "a = -4; b = 2; loss = relu(a * b + b ^ 3) + 10 / b - exp(a) * log(b)"}),
    ("POST", "/api/micro/value", {"program": "a = (1"}),
    ("POST", "/api/micro/value", {"program": "log(0)"}),
    ("POST", "/api/micro/tokens", {"text": "z9"}),
    ("POST", "/api/micro/nothing", {}),
    ("GET", "/api/source/microgpt.cpp", None),
    ("GET", "/api/source/passwd", None),
    ("GET", "/api/model", None),
    ("POST", "/api/tokenize", {"text": PROMPT}),
    ("GET", "/api/analyses", None),
    ("POST", "/api/interp/attention", {"prompt": PROMPT}),
    ("POST", "/api/interp/lens", {"prompt": PROMPT}),
    ("POST", "/api/interp/attribute", {"prompt": PROMPT}),
    ("POST", "/api/interp/induction", {"sequences": 2, "n": 12, "random-models": 1}),
    ("POST", "/api/interp/ablate", {"prompt": PROMPT, "heads": "1.0", "windows": 2}),
    ("POST", "/api/interp/patch", {"site": "resid_pre"}),
    ("POST", "/api/interp/attention", {"prompt": PROMPT, "layer": 9}),
    ("GET", "/api/nothing", None),
]

NODE = """
const fs = require('fs'), engine = process.argv[1];
const lines = fs.readFileSync(0, 'utf8').split('\\n').filter(Boolean);
require(engine)({ wasmBinary: fs.readFileSync(engine.replace(/js$/, 'wasm')) }).then((engine) => {
  for (const line of lines) {
    const [method, path, body] = JSON.parse(line);
    const said = engine.ccall('glass_call', 'string', ['string', 'string', 'string'], [method, path, body]);
    const end = said.indexOf('\\n');
    console.log(JSON.stringify([Number(said.slice(0, end)), JSON.parse(said.slice(end + 1))]));
  }
});
"""


def module_answers(engine):
    calls = "\n".join(json.dumps([method, path, json.dumps(body) if body is not None else ""])
                      for method, path, body in CALLS)
    program = ["node", "-e", NODE, os.path.abspath(engine)] if engine.endswith(".js") else [engine]
    done = subprocess.run(program, input=calls, capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise SystemExit(f"{program[0]}: {done.stderr[-2000:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def server_answers(glass):
    server = subprocess.Popen([glass, "serve", "--json", "--threads", "1", "--isa", "scalar", "--ckpt", CIRCUIT],
                              stdout=subprocess.PIPE, text=True)
    try:
        address, _, key = json.loads(server.stdout.readline())["url"].partition("#t=")
        answers = []
        for method, path, body in CALLS:
            data = None if body is None else json.dumps(body).encode()
            request = urllib.request.Request(urllib.parse.urljoin(address, path), data, method=method, headers={
                "X-Glass-Token": key.rstrip("/"), "Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(request, timeout=120) as said:
                    answers.append([said.status, json.load(said)])
            except urllib.error.HTTPError as refused:
                answers.append([refused.code, json.load(refused)])
        return answers
    finally:
        server.terminate()
        server.wait(20)


# Float32 sums in another order of exp's last bits: a relative error of 1e-5, and as much of what is nearly 0.
# The digest is of the weights, and those of the circuit by hand come from sines of these libraries, too.
def differs(a, b, where=""):
    """The first place where two answers differ, or None."""
    if isinstance(a, str) and isinstance(b, str):
        a, b = (re.sub(r"\b[0-9a-f]{16}\b", "DIGEST", text) for text in (a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        if "f32" in a and "f32" in b:   # base64 of numbers that are compared where they stand as digits
            return None if len(a["f32"]) == len(b["f32"]) else f"{where}: another length"
        if a.keys() != b.keys():
            return f"{where}: {sorted(a)} and {sorted(b)}"
        return next((found for key in a if (found := differs(a[key], b[key], f"{where}/{key}"))), None)
    if isinstance(a, list) and isinstance(b, list):
        if len(a) != len(b):
            return f"{where}: {len(a)} and {len(b)} items"
        return next((found for i, pair in enumerate(zip(a, b)) if (found := differs(*pair, f"{where}/{i}"))), None)
    if isinstance(a, (int, float)) and isinstance(b, (int, float)) and not isinstance(a, bool):
        return None if abs(a - b) <= 1e-5 * max(abs(a), abs(b), 0.1) else f"{where}: {a} and {b}"
    return None if a == b else f"{where}: {a!r} and {b!r}"


def main():
    options = peer.parser(__doc__)
    options.add_argument("--engine", required=True, help="the module, as Emscripten wrote it, or page_here")
    args = options.parse_args()
    report = peer.Report()
    if not os.path.exists(args.engine):
        report.skip("web_engine", f"{args.engine} is not there: cmake --preset wasm && cmake --build --preset wasm")
        return report.end()
    if args.engine.endswith(".js") and shutil.which("node") is None:
        report.skip("web_engine", "node is not installed")
        return report.end()
    module, server = module_answers(args.engine), server_answers(args.glass)
    for (method, path, body), outside in zip(CALLS, server):
        if path == "/api/analyses":   # a page without a server trains nothing
            outside[1]["analyses"] = [one for one in outside[1]["analyses"] if one["name"] != "sae-train"]
    report.check("an answer to each question", len(module) == len(CALLS), len(module))
    for (method, path, body), inside, outside in zip(CALLS, module, server):
        found = differs(inside, outside)
        report.check(f"{method} {path} {json.dumps(body)}", found is None, found)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
