#!/usr/bin/env python3
"""Looking inside against TransformerLens, on a random GPT-2 that transformers saved.

    python3 tests/peers/transformer_lens_test.py --glass build/release/glass [--verbose]

The model is not processed there: nothing is folded into its weights, nothing centred. What is compared: activations name
by name, attention patterns and scores, the logit lens, direct logit attribution by head and mlp, activation patching,
induction scores on repeats, and composition scores. Needs torch, transformers and transformer_lens (with its
TransformerBridge); without them it is skipped. An analysis that this glass does not have is skipped as well, and said.
"""
import json
import sys

import peer
from peer import run

torch, transformers, lens = peer.needs("torch", "transformers", "transformer_lens")
if not hasattr(lens, "TransformerBridge"):
    print("skipped: this transformer_lens has no TransformerBridge\n0 passed, 0 failed, 1 skipped")
    sys.exit(0)
from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_from_module  # noqa: E402

# Both compute in f32, in another order; numbers are of the size of 1 to 10, a sum of 32 to 128 products each. What is
# measured, less than 1e-5, is printed.
GATE = 5e-5
V, T, L, H, C = 256, 48, 2, 4, 32            # tokens are bytes
CLEAN, CORRUPT = "the cat saw the", "the cow saw the"
IDS = list(CLEAN.encode())
# What a layer norm calls normalized is the number behind its weight and bias, here as in HookedTransformer; the bridge
# has it under hook_out.
ELSEWHERE = {"ln1.hook_normalized": "ln1.hook_out", "ln2.hook_normalized": "ln2.hook_out",
             "ln_final.hook_normalized": "ln_final.hook_out", "logits": "hook_unembed"}


class Report(peer.Report):
    """Remembers how near each comparison was."""

    def __init__(self):
        super().__init__()
        self.worst = {}

    def close(self, what, ours, theirs, gate=GATE):
        ours, theirs = torch.as_tensor(ours, dtype=torch.float64), torch.as_tensor(theirs, dtype=torch.float64)
        if ours.shape != theirs.shape:
            self.check(what, False, f"shapes {tuple(ours.shape)} and {tuple(theirs.shape)}")
            return
        difference = float((ours - theirs).abs().max()) if ours.numel() else float("inf")
        self.worst[what] = difference
        self.check(what, difference <= gate, f"{difference} is more than {gate}")


class Ours:
    """`glass interp` on the model in a folder."""

    def __init__(self, glass, folder):
        self.glass, self.folder = glass, folder

    def has(self, *analysis):
        return run(self.glass, "interp", *analysis, "--help").returncode == 0

    def __call__(self, *words):
        text = peer.output_of(self.glass, "interp", *words, "--ckpt", self.folder, "--tokenizer", "bytes", "--json")
        return json.loads(text)


def text_of(ids):
    return ",".join(map(str, ids))


def random_gpt2(seed=5):
    """Weights large enough that heads differ and every bias shows."""
    torch.manual_seed(seed)
    config = transformers.GPT2Config(vocab_size=V, n_positions=T, n_layer=L, n_head=H, n_embd=C, bos_token_id=0,
                                     eos_token_id=0, attn_implementation="eager")
    model = transformers.GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for name, x in model.named_parameters():
            x.add_(torch.randn(x.shape) * (0.3 if x.dim() == 1 else 1.5 / x.shape[0] ** 0.5 if "w" not in name[-10:-6]
                                           else 0.5))
    return model, config


def bridged(model, config):
    bridge = build_bridge_from_module(model, "GPT2LMHeadModel", hf_config=config)
    bridge.set_use_attn_result(True)
    return bridge


def activations(ours, cache, report, folder):
    if not ours.has("cache"):
        report.skip("activations name by name", "this glass has no interp cache")
        return
    file = folder / "activations.safetensors"
    said = ours("cache", "--tokens", text_of(IDS), "--names", "*", "-o", file)
    tensors, _ = peer.read_safetensors(file)
    compared = 0
    for name in said["names"]:
        end = name.split(".", 2)[-1] if name.startswith("blocks.") else name
        theirs = name[:len(name) - len(end)] + ELSEWHERE.get(end, end)
        if theirs not in cache:
            continue
        _, shape, data = tensors[name]
        mine = torch.frombuffer(bytearray(data), dtype=torch.float32).view(shape)
        its = cache[theirs]
        if mine.dim() == its.dim() + 1:   # who looks at all places norms an input for each head; there it is one
            its = its.unsqueeze(2).expand_as(mine)
        if mine.shape != its.shape:
            report.check(f"cache {name}", False, f"shapes {tuple(mine.shape)} and {tuple(its.shape)}")
            continue
        seen = torch.isfinite(mine)   # what a query may not see is -inf here and a very low number there
        report.close(f"cache {name}", torch.where(seen, mine, 0.), torch.where(seen, its, 0.))
        compared += 1
    report.check("most of the names are compared", compared >= 12 * L, compared)


def attention(ours, cache, report):
    for show, hook in [("pattern", "hook_pattern"), ("scores", "hook_attn_scores")]:
        said = ours("attention", "--tokens", text_of(IDS), "--show", show)["attention"]
        for layer in range(L):
            theirs = cache[f"blocks.{layer}.attn.{hook}"][0]
            mine = torch.tensor([[[0. if x is None else x for x in row] for row in head] for head in said[layer]])
            below = torch.tril(torch.ones(len(IDS), len(IDS), dtype=torch.bool))
            report.close(f"attention {show}, layer {layer}", torch.where(below, mine, 0.), torch.where(below, theirs, 0.))


def logit_lens(ours, bridge, cache, report):
    for at, hook in [("pre", "hook_resid_pre"), ("mid", "hook_resid_mid"), ("post", "hook_resid_post")]:
        said = ours("lens", "--tokens", text_of(IDS), "--at", at, "--top-k", V)["layers"]
        for layer in range(L):
            with torch.no_grad():   # the model's own final norm, on that stream: its statistics are made anew
                p = bridge.unembed(bridge.ln_final(cache[f"blocks.{layer}.{hook}"]))[0].softmax(-1)
            mine = torch.zeros(len(IDS), V)
            for t, cell in enumerate(said[layer]):
                for guess in cell["top"]:
                    mine[t, guess["id"]] = guess["prob"]
            report.close(f"lens {at}, layer {layer}", mine, p)
            entropy = -(p * p.log()).sum(-1)
            report.close(f"lens {at}, layer {layer}: entropy", [cell["entropy"] for cell in said[layer]], entropy)


def attribution(ours, bridge, cache, report):
    target, foil = 4, 17
    said = ours("attribute", "--tokens", text_of(IDS), "--target", f"#{target}", "--foil", f"#{foil}")
    mine = {part["name"]: part["value"] for part in said["components"]}
    w, W_U = bridge.ln_final.weight.detach(), bridge.W_U.detach()
    direction = w * (W_U[:, target] - W_U[:, foil])
    scale = cache["ln_final.hook_scale"][0, -1]

    def share(component):   # (C): centred, over the scale of the whole stream, times the gain and the unembedding
        return float(((component - component.mean()) / scale) @ direction)

    for layer in range(L):
        result = cache[f"blocks.{layer}.attn.hook_result"][0, -1]
        for head in range(H):
            report.close(f"attribute {layer}.{head}", mine[f"{layer}.{head}"], share(result[head]))
        report.close(f"attribute mlp {layer}", mine[f"mlp {layer}"], share(cache[f"blocks.{layer}.hook_mlp_out"][0, -1]))
    report.close("attribute embed", mine["embed"], share(cache["hook_embed"][0, -1]))
    report.close("attribute pos", mine["pos"], share(cache["hook_pos_embed"][0, -1]))
    logits = cache["hook_unembed"][0, -1]
    report.close("attribute: the logit", said["logit"], logits[target] - logits[foil])
    report.close("attribute: the sum", said["sum"], logits[target] - logits[foil])


def patching(ours, bridge, report):
    if not ours.has("patch"):
        report.skip("activation patching", "this glass has no interp patch")
        return
    target, foil = 4, 17
    clean, corrupt = torch.tensor([IDS]), torch.tensor([list(CORRUPT.encode())])

    def metric(logits):
        return logits[0, -1, target] - logits[0, -1, foil]

    with torch.no_grad():
        clean_logits, cache = bridge.run_with_cache(clean)
        low, high = metric(bridge(corrupt)), metric(clean_logits)
        for site, hook in [("resid_pre", "hook_resid_pre"), ("attn_out", "hook_attn_out"), ("mlp_out", "hook_mlp_out"),
                           ("z", "attn.hook_z")]:
            said = ours("patch", "--clean", CLEAN, "--corrupt", CORRUPT, "--target", f"#{target}",
                        "--foil", f"#{foil}", "--site", site)
            theirs = torch.zeros(L, H if site == "z" else len(IDS))
            for layer in range(L):
                name = f"blocks.{layer}.{hook}"
                for column in range(theirs.shape[1]):
                    def put(x, hook, column=column, name=name):
                        x = x.clone()
                        x[:, (slice(None) if site == "z" else column), *([column] if site == "z" else [])] = \
                            cache[name][:, (slice(None) if site == "z" else column), *([column] if site == "z" else [])]
                        return x
                    logits = bridge.run_with_hooks(corrupt, fwd_hooks=[(name, put)])
                    theirs[layer, column] = (metric(logits) - low) / (high - low)
            grid = torch.tensor(said["grid"])
            report.close(f"patch {site}", grid if grid.shape == theirs.shape else grid.T, theirs)


def induction(ours, bridge, report):
    """The same score over other random repeats: two means, whose errors are known from the spread over sequences."""
    if not ours.has("induction"):
        report.skip("induction scores", "this glass has no interp induction")
        return
    n, many, few = 20, 200, 50
    said = ours("induction", "--n", str(n), "--sequences", str(few), "--random-models", "0")
    torch.manual_seed(1)
    halves = torch.stack([1 + torch.randperm(V - 1)[:n] for _ in range(many)])
    with torch.no_grad():
        _, cache = bridge.run_with_cache(torch.cat([halves, halves], 1))
    for score in said["scores"]:
        pattern = cache[f"blocks.{score['layer']}.attn.hook_pattern"][:, score["head"]]
        theirs = pattern[:, range(n, 2 * n), range(1, n + 1)].mean(-1)   # query i looks at key i - n + 1
        error = float(theirs.std()) * (1 / many + 1 / few) ** 0.5
        report.check(f"induction score of {score['layer']}.{score['head']}",
                     abs(score["score"] - float(theirs.mean())) < 5 * error,
                     f"{score['score']} {float(theirs.mean())}, within {error}")


def composition(ours, report):
    """Of the processed model: norms folded into the weights that read, means taken off what is written."""
    if not ours.has("composition"):
        report.skip("composition scores", "this glass has no interp composition")
        return
    said = ours("composition")
    model, config = random_gpt2()
    bridge = bridged(model, config)
    bridge.enable_compatibility_mode()
    for which in "QKV":
        theirs = bridge.all_composition_scores(which)   # (L,H,L,H)
        for pair in said["scores"]:
            (a, i), (b, j) = (map(int, pair[end].split(".")) for end in ["from", "to"])
            report.close(f"composition {which} of {pair['from']} and {pair['to']}",
                         pair[which.lower()] + said["baseline"], float(theirs[a, i, b, j].detach()))


def main():
    parser = peer.parser(__doc__)
    parser.add_argument("--verbose", action="store_true", help="print how near each comparison is")
    args = parser.parse_args()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    report = Report()
    with peer.folder() as folder:
        model, config = random_gpt2()
        model.save_pretrained(folder / "gpt2")
        ours = Ours(args.glass, folder / "gpt2")
        bridge = bridged(model, config)
        with torch.no_grad():
            _, cache = bridge.run_with_cache(torch.tensor([IDS]))
        activations(ours, cache, report, folder)
        attention(ours, cache, report)
        logit_lens(ours, bridge, cache, report)
        attribution(ours, bridge, cache, report)
        patching(ours, bridge, report)
        induction(ours, bridge, report)
        composition(ours, report)
    for what, difference in report.worst.items():
        if args.verbose:
            print(f"{difference:.2g}  {what}")
    print(f"they differ by at most {max(report.worst.values(), default=0):.2g}")
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
