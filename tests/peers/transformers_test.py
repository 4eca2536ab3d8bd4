#!/usr/bin/env python3
"""Hugging Face folders against transformers itself, both ways.

    python3 tests/peers/transformers_test.py --glass build/release/glass [--verbose]

Random GPT-2s that transformers saved, in several shapes and in every way of keeping weights: `glass logits` gives its
logits, `glass sample` its greedy text, and `glass inspect` its number of parameters. A small model that glass trained
and exported: transformers opens it, with the same logits, the same tokens for a text and the same greedy text; and the
package safetensors reads every tensor of it. Needs torch, transformers, safetensors and numpy; without them it is
skipped.
"""
import json
import os
import sys

import peer
from peer import run

numpy, torch, transformers, safetensors, _ = peer.needs("numpy", "torch", "transformers", "safetensors",
                                                        "safetensors.torch")

GATE = 1e-4          # of logits; what is measured is printed
SIZES = ("vocab_size", "n_positions", "n_layer", "n_head", "n_embd")
PROMPT = "The quick fox"   # to models of bytes
WRITTEN = 24         # tokens of greedy text

# Name; sizes; what else config.json says; how it is saved.
CASES = [
    ("plain", (256, 64, 2, 4, 32), {}, {}),
    ("wide mlp, exact gelu, own eps", (256, 40, 3, 3, 24),
     {"n_inner": 50, "activation_function": "gelu", "layer_norm_epsilon": 1e-3}, {}),
    ("relu, a head of its own", (256, 48, 1, 1, 16), {"activation_function": "relu", "tie_word_embeddings": False}, {}),
    ("in many files", (256, 40, 2, 2, 32), {}, {"max_shard_size": "20KB"}),
    ("f16", (256, 64, 2, 4, 32), {}, {"dtype": "float16"}),
    ("bf16", (256, 64, 2, 4, 32), {}, {"dtype": "bfloat16"}),
    ("f64", (256, 64, 2, 4, 32), {}, {"dtype": "float64"}),
    ("scores that are not scaled, gelu_pytorch_tanh", (256, 40, 2, 2, 8),
     {"scale_attn_weights": False, "activation_function": "gelu_pytorch_tanh"}, {}),
    ("as openai-community/gpt2 has it", (256, 64, 2, 4, 32), {}, {"bare": True}),
    ("pytorch_model.bin", (256, 64, 2, 4, 32), {}, {"bin": True}),
    ("pytorch_model.bin in two files", (256, 64, 2, 4, 32), {}, {"bin": True, "files": 2}),
]


class Report(peer.Report):
    """Remembers how near each pair of logits was."""

    def __init__(self):
        super().__init__()
        self.worst = {}

    def close(self, what, a, b, gate=GATE):
        difference = float(abs(a - b).max()) if a.shape == b.shape else float("inf")
        self.worst[what] = difference
        self.check(f"{what}: logits", difference <= gate, f"{difference} is more than {gate}")


def greedy(model, ids, count):
    """The likeliest tokens, one after the other, and by how much the likeliest led where it was closest."""
    text, margin = list(ids), float("inf")
    with torch.no_grad():
        for _ in range(count):
            best = model(torch.tensor([text])).logits[0, -1].float().topk(2)
            margin = min(margin, float(best.values[0] - best.values[1]))
            text.append(int(best.indices[0]))
    return text[len(ids):], margin


def random_model(sizes, rest, seed):
    """Weights large enough that every one of them shows in the logits."""
    torch.manual_seed(seed)
    config = transformers.GPT2Config(**dict(zip(SIZES, sizes)), **rest, bos_token_id=0, eos_token_id=0)
    model = transformers.GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for name, x in model.named_parameters():
            x.add_(torch.randn(x.shape) * (0.3 if x.dim() == 1 else 0.6 / x.shape[0] ** 0.5 if "wte" not in name else 0.2))
    return model


def save(model, folder, how):
    if "dtype" in how:
        model = model.to(getattr(torch, how["dtype"]))
    model.save_pretrained(folder, **{key: how[key] for key in ["max_shard_size"] if key in how})
    whole = os.path.join(folder, "model.safetensors")
    if how.get("bare"):
        tensors = {name.removeprefix("transformer."): x for name, x in safetensors.torch.load_file(whole).items()}
        T = model.config.n_positions
        for i in range(model.config.n_layer):
            tensors[f"h.{i}.attn.bias"] = torch.tril(torch.ones(T, T)).view(1, 1, T, T)
        safetensors.torch.save_file(tensors, whole)
    if how.get("bin"):
        os.remove(whole)
        files = how.get("files", 1)
        state = list(model.state_dict().items())   # with lm_head.weight, in the storage of wte.weight
        names = ["pytorch_model.bin"] if files == 1 else [f"pytorch_model-{i}.bin" for i in range(files)]
        for i, name in enumerate(names):
            torch.save(dict(state[i::files]), os.path.join(folder, name))
        if files > 1:
            index = {"metadata": {}, "weight_map": {key: names[i % files] for i, (key, _) in enumerate(state)}}
            with open(os.path.join(folder, "pytorch_model.bin.index.json"), "w") as file:
                json.dump(index, file)
    return model


def what_transformers_saves(glass, folder, report):
    for number, (name, sizes, rest, how) in enumerate(CASES):
        place = os.path.join(folder, f"theirs-{number}")
        model = save(random_model(sizes, rest, number), place, how)
        wide = how.get("dtype") == "float64"
        model = model if wide else model.float()   # as we compute: numbers of 16 bits are read, and then f32
        ids = list(PROMPT.encode())
        got, why = peer.logits_of(glass, place, peer.tokens(ids), folder)
        report.check(name, got is not None, why)
        if got is None:
            continue
        with torch.no_grad():
            report.close(name, got, model(torch.tensor([ids])).logits[0].numpy())
        expected, margin = greedy(model, ids, WRITTEN)
        done = run(glass, "sample", "--ckpt", place, "--tokenizer", "bytes", "--prompt", PROMPT, "--temperature", "0", "-n",
                   str(WRITTEN), "--json")
        got = json.loads(done.stdout)["samples"][0]["tokens"] if done.returncode == 0 else done.stderr
        report.check(f"{name}: greedy text (closest race {margin:.2g})", got in (expected, ids + expected),
                     f"{got}\n  {expected}")
        inspected = run(glass, "inspect", place, "--json")
        params = json.loads(inspected.stdout)["params"] if inspected.returncode == 0 else inspected.stderr
        report.check(f"{name}: parameters", params == model.num_parameters(), f"{params} {model.num_parameters()}")


# What glass trains: words of a made-up text; then how it is exported.
TEXT = "the cat sat on the mat. the dog ran to the cat! why did the mat run? \u00e9t\u00e9, na\u00efve \U0001f600\n" * 40
TRAINED = [("letters", "char", ["--act", "gelu"]), ("pieces", "bpe:300", []), ("bytes", "bytes", ["--tie", "false"])]
PROMPTS = ["the cat", "the mat. the dog", "why did \u00e9t\u00e9"]


def what_we_export(glass, folder, report):
    corpus = os.path.join(folder, "text.txt")
    with open(corpus, "w", encoding="utf-8") as file:
        file.write(TEXT)
    for name, tokenizer, options in TRAINED:
        trained = os.path.join(folder, "run-" + name)
        done = run(glass, "train", corpus, "--tokenizer", tokenizer, "--out", trained, "--max-iters", "60", "--n-layer", "2",
                   "--n-head", "2", "--n-embd", "32", "--block-size", "48", "--learning-rate", "0.01", "--eval-iters", "1",
                   *options)
        report.check(f"{name}: a short training", done.returncode == 0, done.stderr)
        for type in ["f32", "f16", "bf16"] if name == "letters" else ["f32"]:
            what = f"our {name} as {type}"
            place = os.path.join(folder, f"hf-{name}-{type}")
            done = run(glass, "export", "--ckpt", trained, "--to", "hf", "--type", type, "-o", place)
            report.check(f"{what}: export", done.returncode == 0, done.stderr)
            if done.returncode == 0:
                compare_export(glass, trained, place, what, type, report)


def compare_export(glass, trained, place, what, type, report):
    model = transformers.AutoModelForCausalLM.from_pretrained(place, dtype=torch.float32).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(place)
    with safetensors.safe_open(os.path.join(place, "model.safetensors"), "pt") as file:
        theirs = {key: (str(file.get_tensor(key).dtype), tuple(file.get_tensor(key).shape)) for key in file.keys()}
    dtype = {"f32": "torch.float32", "f16": "torch.float16", "bf16": "torch.bfloat16"}[type]
    report.check(f"{what}: tensors", theirs and all(kind == dtype for kind, _ in theirs.values()), theirs)
    source = trained if type == "f32" else place   # rounded weights are compared with themselves
    for prompt in PROMPTS:
        ids = tokenizer.encode(prompt, add_special_tokens=False)
        logits, said = peer.logits_of(glass, source, ("--prompt", prompt), os.path.dirname(place))
        ours = said if logits is None else said["tokens"]
        report.check(f"{what}: tokens of {prompt!r}", ids == ours, f"{ids}\n  {ours}")
        report.check(f"{what}: text of these tokens", tokenizer.decode(ids) == prompt, tokenizer.decode(ids))
        if ids == ours:
            with torch.no_grad():
                report.close(f"{what}, {prompt!r}", logits, model(torch.tensor([ids])).logits[0].numpy())
        expected, margin = greedy(model, ids, WRITTEN)
        done = run(glass, "sample", "--ckpt", source, "--prompt", prompt, "--temperature", "0", "-n", str(WRITTEN), "--json")
        got = json.loads(done.stdout)["samples"][0]["tokens"] if done.returncode == 0 else done.stderr
        report.check(f"{what}: greedy text (closest race {margin:.2g})", got in (expected, ids + expected),
                     f"{got}\n  {expected}")
        generated = model.generate(torch.tensor([ids]), max_new_tokens=8, do_sample=False, pad_token_id=0)[0, len(ids):]
        report.check(f"{what}: generate()", generated.tolist() == expected[:len(generated)], generated)


def main():
    parser = peer.parser(__doc__)
    parser.add_argument("--verbose", action="store_true", help="print how near each pair of logits is")
    args = parser.parse_args()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    report = Report()
    with peer.folder() as folder:
        what_transformers_saves(args.glass, folder, report)
        what_we_export(args.glass, folder, report)
    for what, difference in report.worst.items():
        if args.verbose:
            print(f"{difference:.2g}  {what}")
    print(f"logits differ by at most {max(report.worst.values(), default=0):.2g}")
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
