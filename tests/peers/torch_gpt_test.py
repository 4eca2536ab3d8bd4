#!/usr/bin/env python3
"""`glass grads` and `glass logits` against PyTorch, live: whole tensors of models that `glass train` made.

    python3 tests/peers/torch_gpt_test.py --glass build/release/glass

Trains every family for a few steps, so that no bias is zero any more, and reads the weights out of the checkpoint with
twenty lines of Python. The model in PyTorch is that of tests/golden/torch_gpt.py. Skipped where there is no PyTorch.
"""
import json
import sys

import peer
from peer import output_of

np, torch = peer.needs("numpy", "torch")
torch_gpt = peer.golden("torch_gpt")

# Differences of L2 norms, relative; as in tests/model/gpt_parity_test.cpp, where the measured ones stand beside.
GATES = {"f64": {"loss": 1e-14, "logits": 1e-13, "grad": 1e-13, "blind": 1e-12},
         "f32": {"loss": 5e-7, "logits": 3e-6, "grad": 5e-6, "blind": 1e-6}}
B = 3
STEPS = ["--max-iters", "4", "--warmup-iters", "0", "--learning-rate", "1e-2", "--batch-size", "2", "--seed", "3"]
SMALL = ["--n-layer", "3", "--n-head", "4", "--n-embd", "64", "--block-size", "24"]
MODELS = [   # and what glass train is told
    ("gpt2", ["--preset", "char-small", "--act", "gelu", "--bias"]),
    ("char", ["--preset", "char-small"]),
    ("char untied", ["--preset", "char-small", "--tie=false"]),
    ("microgpt", ["--preset", "microgpt"]),
    ("postnorm", ["--preset", "postnorm"]),
    ("induction", ["--preset", "induction"]),
    ("induction sinusoidal", ["--preset", "induction", "--pos", "sinusoidal"]),
    ("modern", ["--preset", "modern", "--n-kv-head", "2", "--window", "7"]),
    ("modern relu2", ["--preset", "modern", "--n-kv-head", "1", "--act", "relu2", "--attn-scale", "0.2"]),
]


def tensors_of(path):
    """Tensors by name, and the notes."""
    tensors, notes = peer.read_safetensors(path)
    types = {"F64": np.float64, "F32": np.float32, "I32": np.int32, "I64": np.int64}
    return {name: np.frombuffer(data, types[dtype]).reshape(shape).astype(np.float64)
            for name, (dtype, shape, data) in tensors.items()}, notes


class Peer:
    """What PyTorch says about the weights of one checkpoint and one batch."""

    def __init__(self, checkpoint, folder):
        torch.set_default_dtype(torch.float64)
        tensors, notes = tensors_of(checkpoint)
        config = json.loads(notes["glass.config"])
        names = torch_gpt.Config.__dataclass_fields__
        self.config = torch_gpt.Config(**{name: config[name] for name in names})
        weights = {name: torch.tensor(tensors[name]).requires_grad_() for name in torch_gpt.shapes(self.config)}
        rows = torch_gpt.below("live", (B, self.config.block_size + 1), self.config.vocab_size)
        self.tokens = folder / "tokens.npy"
        np.save(self.tokens, rows.astype(np.int32))
        ids = torch.tensor(rows)
        self.logits = torch_gpt.logits(self.config, weights, ids[:, :-1])
        loss = torch_gpt.loss_of(self.config, weights, ids[:, :-1], ids[:, 1:])
        loss.backward()
        self.logits = self.logits.detach().numpy()
        self.loss, self.gradients = loss.item(), {name: w.grad.numpy() for name, w in weights.items()}
        self.first_row = ids[0, :-1].tolist()

    def key_rows(self, name):
        """The rows of a bias that the loss does not see: gpt_parity_test.cpp says why."""
        c = self.config
        if not name.endswith("c_attn.bias") or c.pos == "rope":
            return slice(0, 0)
        return slice(c.n_embd, c.n_embd + c.kv_heads * c.head_size)


def far(got, want):
    return float(np.linalg.norm(got - want) / np.linalg.norm(want)) if got.shape == want.shape else float("inf")


def errors(theirs, tensors):
    """The worst of each quantity, and where it was."""
    loss, logits = abs(tensors["loss"].item() / theirs.loss - 1), far(tensors["logits"], theirs.logits)
    grads, blind = [], [(0.0, "")]
    for name, want in theirs.gradients.items():
        got, keys = tensors[name], theirs.key_rows(name)
        grads.append((far(np.delete(got, keys, 0), np.delete(want, keys, 0)), name))
        blind.append((float(np.linalg.norm(got[keys]) / np.linalg.norm(got)), name))
    return {"loss": (loss, ""), "logits": (logits, ""), "grad": max(grads), "blind": max(blind)}


def compare(glass, name, flags, folder, report):
    out = folder / "run"
    output_of(glass, "train", *flags, *SMALL, *STEPS, "--out", out)
    theirs = Peer(sorted(out.glob("ckpt-*.safetensors"))[-1], folder)
    for dtype, device in [("f64", "reference"), ("f32", "cpu")]:
        result = folder / f"{dtype}.safetensors"
        output_of(glass, "grads", "--ckpt", out, "--tokens-file", theirs.tokens, "-o", result, "--dtype", dtype,
                  "--device", device)
        for quantity, (error, where) in errors(theirs, tensors_of(result)[0]).items():
            good = error <= GATES[dtype][quantity]   # false for what is no number
            report.count(good)
            print(f"{'' if good else 'FAILED: '}{name} {dtype} {quantity} {error:.1e} of "
                  f"{GATES[dtype][quantity]:.0e} {where}")
    logits, why = peer.logits_of(glass, out, peer.tokens(theirs.first_row), folder)
    good = logits is not None and far(logits, theirs.logits[0]) <= GATES["f32"]["logits"]
    report.count(good)
    print(f"{'' if good else 'FAILED: '}{name} glass logits {'' if logits is not None else why}".rstrip())


def main():
    args = peer.parser(__doc__).parse_args()
    report = peer.Report()
    for name, flags in MODELS:
        with peer.folder() as folder:
            compare(args.glass, name, flags, folder, report)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
