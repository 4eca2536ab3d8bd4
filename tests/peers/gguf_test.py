#!/usr/bin/env python3
"""GGUF against the programs that everybody else reads and runs it with.

    python3 tests/peers/gguf_test.py --glass build/release/glass

The package `gguf` reads what glass writes, to the bit, and glass reads what it writes. llama.cpp, through
llama-cpp-python, opens our files, cuts text into our tokens, and computes our probabilities; it ends the process where
it does not like a file, so it runs in a child. Needs gguf and numpy; llama_cpp where it is there. Without them: skipped.
"""
import importlib.util
import json
import os
import sys

import peer
from peer import run

gguf, numpy, _ = peer.needs("gguf", "numpy", "gguf.quants")

PROMPTS = {"char": "the cat ", "bpe": "the hat and the rat, that cat's mat: 12"}
DISTANCE = {"f32": 1e-5, "f16": 2e-3, "q8_0": None}   # of probabilities; q8_0 has q8_0's activations in llama.cpp, too


def train(glass, folder, name, *options):
    """A model that has learned a little, of a text with a letter of two bytes in it."""
    corpus, out = os.path.join(folder, name + ".txt"), os.path.join(folder, name)
    with open(corpus, "w", encoding="utf-8") as file:
        file.write("the cat and the hat and the rat sat on the mat, that cat's mat: 12\ncaf\u00e9 au lait\n" * 60)
    done = run(glass, "train", corpus, "--out", out, "--max-iters", "40", "--n-layer", "2", "--n-head", "2", "--n-embd", "32",
               "--block-size", "32", "--batch-size", "4", "--dropout", "0", "--eval-interval", "40", "--eval-iters", "1",
               "--learning-rate", "3e-3", "--act", "gelu", "--threads", "1", "--seed", "3", *options)
    return out if done.returncode == 0 else print(done.stderr)


def tensors_of(path):
    """{name: array} of a safetensors file, in f32."""
    return {name: numpy.frombuffer(data, dtype=numpy.float32).reshape(shape)
            for name, (_, shape, data) in peer.read_safetensors(path)[0].items() if not name.startswith("optim.")}


def our_name(name):
    """transformer.h.0.attn.c_attn.weight -> blk.0.attn_qkv.weight"""
    outside = {"transformer.wte": "token_embd", "transformer.wpe": "position_embd", "transformer.ln_f": "output_norm",
               "lm_head": "output"}
    inside = {"ln_1": "attn_norm", "attn.c_attn": "attn_qkv", "attn.c_proj": "attn_output", "ln_2": "ffn_norm",
              "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down"}
    stem, part = name.rsplit(".", 1)
    if stem in outside:
        return f"{outside[stem]}.{part}"
    layer, place = stem.removeprefix("transformer.h.").split(".", 1)
    return f"blk.{layer}.{inside[place]}.{part}"


def value_of(reader, key):
    return reader.fields[key].contents()


def what_glass_writes(glass, report, run_folder, folder, kind, kept):
    weights = tensors_of(os.path.join(folder, kind + ".safetensors"))
    for kind_of_weight in ["f32", "f16", "bf16", "q8_0"]:
        path = os.path.join(folder, f"{kind}-{kind_of_weight}.gguf")
        done = run(glass, "export", "--ckpt", run_folder, "--to", "gguf", "--type", kind_of_weight, "-o", path)
        what = f"{kind} {kind_of_weight}"
        report.check(f"{what}: export", done.returncode == 0, done.stderr)
        if done.returncode != 0:
            continue
        kept[kind, kind_of_weight] = path
        reader = gguf.GGUFReader(path)
        report.check(f"{what}: architecture", value_of(reader, "general.architecture") == "gpt2")
        report.check(f"{what}: sizes", [value_of(reader, "gpt2." + key) for key in (
            "block_count", "context_length", "embedding_length", "feed_forward_length", "attention.head_count")]
            == [2, 32, 32, 128, 2])
        theirs = {tensor.name: tensor for tensor in reader.tensors}
        ours = {our_name(name) for name in weights}
        zeros = [name for name in theirs if name not in ours]   # biases that llama.cpp needs and this model has not
        report.check(f"{what}: names", ours <= set(theirs) and all(name.endswith(".bias") for name in zeros), sorted(theirs))
        report.check(f"{what}: zeros", not any(theirs[name].data.any() for name in zeros), zeros)
        wanted = {"f32": gguf.GGMLQuantizationType.F32, "f16": gguf.GGMLQuantizationType.F16,
                  "bf16": gguf.GGMLQuantizationType.BF16, "q8_0": gguf.GGMLQuantizationType.Q8_0}[kind_of_weight]
        for name, weight in weights.items():
            tensor = theirs[our_name(name)]
            exact = weight.ndim < 2 or "wpe" in name
            quantised = gguf.quants.quantize(weight, gguf.GGMLQuantizationType.F32 if exact else wanted)
            report.check(f"{what}: {name}", tensor.data.tobytes() == quantised.tobytes(),
                         f"{tensor.tensor_type} {tensor.shape} against {quantised.dtype} {quantised.shape}")
    return kept


def what_they_write(glass, report, folder):
    """A gpt2 with every key that converters write, by the writer of the package; read back through glass import."""
    path, back = os.path.join(folder, "theirs.gguf"), os.path.join(folder, "theirs.safetensors")
    C, V, T, inner = 32, 7, 8, 128
    dice = numpy.random.default_rng(7)
    shapes = {"transformer.wte.weight": (V, C), "transformer.wpe.weight": (T, C), "transformer.ln_f.weight": (C,),
              "transformer.ln_f.bias": (C,)}
    for place, (rows, columns) in {"ln_1": (C, 0), "attn.c_attn": (3 * C, C), "attn.c_proj": (C, C), "ln_2": (C, 0),
                                   "mlp.c_fc": (inner, C), "mlp.c_proj": (C, inner)}.items():
        shapes[f"transformer.h.0.{place}.weight"] = (rows, columns) if columns else (rows,)
        shapes[f"transformer.h.0.{place}.bias"] = (rows,)
    weights = {name: dice.standard_normal(shape).astype(numpy.float32) for name, shape in shapes.items()}
    for kind in [gguf.GGMLQuantizationType.F32, gguf.GGMLQuantizationType.F16, gguf.GGMLQuantizationType.BF16,
                 gguf.GGMLQuantizationType.Q8_0]:
        writer = gguf.GGUFWriter(path, "gpt2")
        writer.add_name("theirs")
        writer.add_block_count(1)
        writer.add_context_length(T)
        writer.add_embedding_length(C)
        writer.add_feed_forward_length(inner)
        writer.add_head_count(2)
        writer.add_layer_norm_eps(1e-5)
        writer.add_tokenizer_model("gpt2")
        writer.add_tokenizer_pre("gpt-2")
        writer.add_token_list(["a", "b", "c", "ab", "abc", "\u0120", "<|endoftext|>"])
        writer.add_token_types([1, 1, 1, 1, 1, 1, 3])
        writer.add_token_merges(["a b", "ab c"])
        writer.add_eos_token_id(6)
        wanted = {}
        for name, weight in weights.items():
            matrix = weight.ndim == 2 and "wpe" not in name
            as_kind = kind if matrix else gguf.GGMLQuantizationType.F32
            stored = gguf.quants.quantize(weight, as_kind)
            wanted[name] = gguf.quants.dequantize(stored, as_kind).reshape(weight.shape)
            writer.add_tensor(our_name(name), stored, raw_dtype=as_kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        done = run(glass, "import", path, "-o", back, "--overwrite")
        report.check(f"import of their {kind.name}", done.returncode == 0, done.stderr)
        if done.returncode != 0:
            continue
        ours = tensors_of(back)
        report.check(f"their {kind.name}: names", set(ours) == set(wanted), sorted(ours))
        for name, weight in wanted.items():
            report.check(f"their {kind.name}: {name}", name in ours and numpy.array_equal(ours[name], weight))
        done = run(glass, "tokenizer", "encode", "--tokenizer", path, "--text", "abc ab", "--json")
        report.check("their tokens", done.returncode == 0 and json.loads(done.stdout)["ids"] == [4, 5, 3],
                     done.stdout + done.stderr)


# --- llama.cpp, in a child -------------------------------------------------------------------------

CHILD = """
import json, sys
import llama_cpp, numpy
path, prompt, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
model = llama_cpp.Llama(path, n_ctx=32, n_batch=32, logits_all=True, verbose=False, n_threads=1,
                        type_k=0, type_v=0)   # f32; else keys and values are rounded to f16
ids = model.tokenize(prompt.encode(), add_bos=False, special=False)
model.eval(ids)
logits = numpy.array(model.scores[: len(ids)], dtype=numpy.float64)
logits -= logits.max(axis=1, keepdims=True)
probabilities = numpy.exp(logits) / numpy.exp(logits).sum(axis=1, keepdims=True)
written = []
for _ in range(count):
    written.append(int(numpy.argmax(model.scores[model.n_tokens - 1])))
    model.eval(written[-1:])
print(json.dumps({"ids": ids, "probabilities": probabilities.tolist(), "written": written,
                  "text": model.detokenize(written).decode("utf-8", "replace")}))
"""


def what_llama_computes(glass, report, run_folder, folder, kind, paths):
    prompt = PROMPTS[kind]
    npy = os.path.join(folder, kind + ".npy")
    encoded = run(glass, "tokenizer", "encode", "--tokenizer", run_folder, "--text", prompt, "--json")
    ids = json.loads(encoded.stdout)["ids"]
    done = run(glass, "logits", "--ckpt", run_folder, "--prompt", prompt, "-o", npy, "--threads", "1")
    report.check(f"{kind}: our logits", done.returncode == 0, done.stderr)
    logits = numpy.load(npy).astype(numpy.float64)
    ours = numpy.exp(logits - logits.max(axis=1, keepdims=True))
    ours /= ours.sum(axis=1, keepdims=True)
    count = 32 - len(ids) - 1
    done = run(glass, "sample", "--ckpt", run_folder, "--prompt", prompt, "-n", str(count), "--temperature", "0", "--json",
               "--threads", "1")
    report.check(f"{kind}: our text", done.returncode == 0, done.stderr)
    text = json.loads(done.stdout)["samples"][0]["text"]
    for (of, kind_of_weight), path in paths.items():
        if of != kind or kind_of_weight not in DISTANCE:
            continue
        what = f"llama.cpp, {kind} {kind_of_weight}"
        child = run(sys.executable, "-c", CHILD, path, prompt, count)
        report.check(f"{what}: runs", child.returncode == 0, child.stderr)
        if child.returncode != 0:
            continue
        theirs = json.loads(child.stdout.splitlines()[-1])
        report.check(f"{what}: ids", theirs["ids"] == ids, f"{theirs['ids']} against {ids}")
        distance = numpy.abs(numpy.array(theirs["probabilities"]) - ours).max() if theirs["ids"] == ids else 1
        print(f"{what}: probabilities differ by at most {distance:.2g}")
        if DISTANCE[kind_of_weight]:
            report.check(f"{what}: probabilities", distance <= DISTANCE[kind_of_weight], distance)
        if kind_of_weight == "f32":
            report.check(f"{what}: text", text.endswith(theirs["text"]), f"{theirs['text']!r} against {text!r}")


def main():
    args = peer.parser(__doc__).parse_args()
    report = peer.Report()
    llama = importlib.util.find_spec("llama_cpp") is not None
    with peer.folder() as folder:
        what_they_write(args.glass, report, folder)
        for kind, options in {"char": ["--tokenizer", "char"], "bpe": ["--tokenizer", "bpe:280"]}.items():
            run_folder = train(args.glass, folder, kind, *options)
            report.check(f"{kind}: a short training", run_folder)
            weights = os.path.join(folder, kind + ".safetensors")
            done = run(args.glass, "export", "--ckpt", run_folder, "--to", "safetensors", "-o", weights)
            report.check(f"{kind}: its weights", done.returncode == 0, done.stderr)
            paths = what_glass_writes(args.glass, report, run_folder, folder, kind, {})
            if llama:
                what_llama_computes(args.glass, report, run_folder, folder, kind, paths)
    if not llama:
        report.skip("llama.cpp", "no package llama_cpp")
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
