#!/usr/bin/env python3
"""ckpt.pt between nanoGPT's habits and glass, both ways, with PyTorch as the judge.

    python3 tests/peers/pytorch_files_test.py --glass build/release/glass [--mutants 300]

PyTorch saves checkpoints of many kinds and glass computes the same logits; glass exports and PyTorch loads
(weights_only=True), computes the same, writes the same greedy text; and training goes on across the border, step for
step, with the moments of AdamW. Damaged files: none that PyTorch refuses is accepted here. Skipped without PyTorch.
"""
import json
import os
import pickle
import random
import sys

import peer
from peer import run

numpy, torch, nanogpt = peer.needs("numpy", "torch", "nanogpt_like")

SHAPE = dict(n_layer=2, n_head=2, n_embd=16, block_size=12, vocab_size=19)
CONFIG = dict(out_dir="out", eval_interval=1000, log_interval=1, eval_iters=1, eval_only=False,
              always_save_checkpoint=True, init_from="scratch", wandb_log=False, dataset="tiny",
              gradient_accumulation_steps=1, batch_size=3, block_size=12, n_layer=2, n_head=2, n_embd=16, dropout=0.0,
              bias=False, learning_rate=1e-2, max_iters=12, weight_decay=0.1, beta1=0.9, beta2=0.95, grad_clip=0.5,
              decay_lr=True, warmup_iters=3, lr_decay_iters=10, min_lr=1e-3, backend="nccl", device="cpu",
              dtype="float32", compile=False)
LETTERS = "abcdefghijklmnopqrs"
IDS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]
# f32 sums in another order: relative differences of L2 norms, and of a loss after a few steps of training. Measured:
# 3e-7 and 2e-6.
LOGITS, LOSS = 3e-6, 1e-4


def logits_of(glass, checkpoint, folder):
    return peer.logits_of(glass, checkpoint, peer.tokens(IDS), folder)


def far(got, want):
    if got is None or got.shape != want.shape:
        return float("inf")
    return float(numpy.linalg.norm(got.astype(numpy.float64) - want) / numpy.linalg.norm(want))


def their_logits(model):
    with torch.no_grad():
        return model(torch.tensor([IDS]))[0].double().numpy()


def what_they_save(glass, folder, report):
    """Every way in which such a file may differ, and the logits of each."""
    def model(bias, **more):
        return nanogpt.scramble(nanogpt.GPT(**SHAPE, bias=bias, **more), 7)

    def saved(name, model, expected=None, prefix="", change=lambda state: state):
        state = change({prefix + key: value for key, value in model.state_dict().items()})
        path = folder / "out" / "ckpt.pt"
        path.parent.mkdir(exist_ok=True)
        torch.save({"model": state, "model_args": model.args, "iter_num": 5, "config": CONFIG}, path)
        for place in (path, path.parent):
            got, why = logits_of(glass, place, folder)
            error = far(got, their_logits(expected or model))
            report.check(f"{name}: {error:.1e}", error <= LOGITS, why)

    def as_type(model, dtype):   # what it computes from numbers that were rounded
        rounded = nanogpt.GPT(**model.args)
        rounded.load_state_dict({k: v.to(dtype).float() for k, v in model.state_dict().items()})
        return rounded

    plain, biased = model(False), model(True)
    saved("no biases", plain)
    saved("biases", biased)
    saved("compiled", biased, prefix="_orig_mod.")
    saved("buffers", model(True, buffers=True))
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        saved(str(dtype), biased, as_type(biased, dtype),
              change=lambda state: {name: value.to(dtype) for name, value in state.items()})
    saved("parameters", plain, change=lambda state: {name: torch.nn.Parameter(value) for name, value in state.items()})
    saved("turned around", plain, change=lambda state: {
        name: value.t().contiguous().t() if value.dim() == 2 else value for name, value in state.items()})
    saved("every second", plain, change=lambda state: {
        name: torch.stack([value, value], -1)[..., 0] for name, value in state.items()})
    together = torch.cat([p.detach().flatten() for p in plain.parameters()])
    places, at = {}, 0
    for name, p in plain.named_parameters():
        places[name] = together[at : at + p.numel()].view(p.shape)
        at += p.numel()
    saved("one storage", plain, change=lambda state: {
        name: places.get(name, places["transformer.wte.weight"]) for name in state})
    untied = model(False)
    untied.lm_head.weight = torch.nn.Parameter(untied.lm_head.weight.flip(0).clone())
    saved("a head of its own", untied)


def bare_state_dicts(glass, folder, report):
    for name, shape, bias, prefix in (("post-norm", SHAPE, False, ""), ("one layer, four heads, biases everywhere",
            {**SHAPE, "n_layer": 1, "n_head": 4}, True, "_orig_mod.")):
        model = nanogpt.scramble(nanogpt.PostNorm(**shape, bias=bias), 9)
        path = folder / "model.pt"
        torch.save({prefix + key: value for key, value in model.state_dict().items()}, path)
        got, why = logits_of(glass, path, folder)
        error = far(got, their_logits(model))
        report.check(f"{name}: {error:.1e}", error <= LOGITS, why)
    torch.save(torch.nn.Linear(3, 2).state_dict(), folder / "other.pt")
    done = run(glass, "logits", "--ckpt", folder / "other.pt", "--tokens", "1")
    report.check("another model", done.returncode == 3 and "'weight'" in done.stderr, done.stderr)


def data_folder(folder, ids, vocabulary=True):
    """A text of exactly block_size + 1 tokens: every window is this one."""
    data = folder / "tiny"
    data.mkdir(parents=True, exist_ok=True)
    for split in ("train", "val"):
        numpy.array(ids, dtype=numpy.uint16).tofile(data / f"{split}.bin")
    if vocabulary:
        with open(data / "meta.pkl", "wb") as file:
            pickle.dump({"vocab_size": len(LETTERS), "itos": dict(enumerate(LETTERS)),
                         "stoi": {c: i for i, c in enumerate(LETTERS)}}, file)
    return data


def losses_of(run_folder):
    rows = map(json.loads, (run_folder / "metrics.jsonl").read_text().splitlines())
    return {row["step"]: row["loss"] for row in rows if "loss" in row}


def close(got, want):
    return len(got) == len(want) and all(abs(a / b - 1) < LOSS for a, b in zip(got, want))


def training_goes_on(glass, folder, report):
    dice = random.Random(5)
    text = [dice.randrange(SHAPE["vocab_size"]) for _ in range(SHAPE["block_size"] + 1)]
    data = data_folder(folder / "data", text)
    ids = torch.tensor([text[:-1]] * CONFIG["batch_size"])
    targets = torch.tensor([text[1:]] * CONFIG["batch_size"])

    for bias in (False, True):
        name = "biases" if bias else "no biases"
        model = nanogpt.scramble(nanogpt.GPT(**SHAPE, bias=bias), 11)
        optimizer = nanogpt.optimizer_for(model, CONFIG)
        nanogpt.train(model, optimizer, CONFIG, ids, targets, 0, 5)
        out = folder / f"out-{bias}"
        out.mkdir()
        torch.save(nanogpt.checkpoint(model, optimizer, CONFIG, 5, "_orig_mod."), out / "ckpt.pt")
        want = nanogpt.train(model, optimizer, CONFIG, ids, targets, 5, 7)

        # They train, we go on.
        ours = folder / f"ours-{bias}"
        done = run(glass, "train", data, "--resume", out / "ckpt.pt", "--out", ours, "--threads", "1")
        report.check(f"{name}: glass goes on", done.returncode == 0, done.stderr)
        if done.returncode:
            continue
        got = losses_of(ours)
        report.check(f"{name}: steps 6 to 12", sorted(got) == list(range(6, 13)), got)
        got = [got[step] for step in sorted(got)]
        report.check(f"{name}: the same losses", close(got, want), f"{got}\n  {want}")
        error = far(logits_of(glass, ours, folder)[0], their_logits(model))
        report.check(f"{name}: the same logits afterwards, {error:.1e}", error < LOSS, "")

        # We train, they go on.
        first = folder / f"first-{bias}"
        done = run(glass, "train", data, "--resume", out / "ckpt.pt", "--out", first, "--max-iters", "8", "--threads", "1")
        back = folder / f"back-{bias}.pt"
        done = run(glass, "export", "--ckpt", first, "--to", "nanogpt", "-o", back)
        report.check(f"{name}: export", done.returncode == 0, done.stderr)
        if done.returncode:
            continue
        loaded = torch.load(back, weights_only=True)
        again = nanogpt.from_checkpoint(loaded)
        optimizer = nanogpt.optimizer_for(again, CONFIG)
        optimizer.load_state_dict(loaded["optimizer"])
        report.check(f"{name}: its step", loaded["iter_num"] == 8 and
                     {float(s["step"]) for s in loaded["optimizer"]["state"].values()} == {8.0}, loaded["iter_num"])
        settings = loaded["config"]
        report.check(f"{name}: its settings", all(settings[key] == CONFIG[key] for key in (
            "learning_rate", "min_lr", "warmup_iters", "lr_decay_iters", "beta1", "beta2", "weight_decay", "grad_clip",
            "batch_size")), settings)
        got = nanogpt.train(again, optimizer, CONFIG, ids, targets, 8, 4)
        report.check(f"{name}: PyTorch goes on", close(got, want[3:]), f"{got}\n  {want[3:]}")


def greedy(model, ids, count, block_size):
    """What nanoGPT's sample.py does with top_k=1."""
    ids = list(ids)
    with torch.no_grad():
        for _ in range(count):
            logits = model(torch.tensor([ids[-block_size:]]))[0, -1]
            ids.append(int(logits.argmax()))
    return ids


def what_we_write(glass, folder, report):
    text = "the quick brown fox jumps over the lazy dog and comes back again for the quick brown hen\n" * 12
    (folder / "fox.txt").write_text(text)
    ours = folder / "fox"
    done = run(glass, "train", folder / "fox.txt", "--out", ours, "--max-iters", "40", "--n-layer", "2", "--n-head", "2",
               "--n-embd", "32", "--block-size", "16", "--batch-size", "8", "--warmup-iters", "2", "--learning-rate",
               "1e-2", "--eval-interval", "40", "--eval-iters", "1", "--threads", "1")
    report.check("a short training", done.returncode == 0, done.stderr)
    for type_name, gate in (("f32", LOGITS), ("f16", 5e-3), ("bf16", 4e-2)):   # half a unit of 11 and of 8 bits
        out = folder / f"out-{type_name}"
        done = run(glass, "export", "--ckpt", ours, "--to", "nanogpt", "--type", type_name, "-o", out)
        report.check(f"export {type_name}", done.returncode == 0, done.stderr)
        if done.returncode:
            continue
        loaded = torch.load(out / "ckpt.pt", weights_only=True)
        model = nanogpt.from_checkpoint(loaded)
        got, why = logits_of(glass, ours, folder)
        error = far(their_logits(model), got)
        report.check(f"logits of {type_name}: {error:.1e}", error <= gate, why)
        same, why = logits_of(glass, out, folder)   # and back again
        report.check(f"{type_name} read back", far(same, their_logits(model)) <= LOGITS, why)
    shared = loaded["model"]["lm_head.weight"].data_ptr() == loaded["model"]["transformer.wte.weight"].data_ptr()
    report.check("the head is the embedding", shared)

    model = nanogpt.from_checkpoint(torch.load(folder / "out-f32" / "ckpt.pt", weights_only=True))
    with open(folder / "out-f32" / "meta.pkl", "rb") as file:
        meta = pickle.load(file)
    prompt = "the quick "
    theirs = "".join(meta["itos"][i] for i in greedy(model, [meta["stoi"][c] for c in prompt], 40, 16))
    for ckpt in (ours, folder / "out-f32"):
        done = run(glass, "sample", "--ckpt", ckpt, "--prompt", prompt, "-n", "40", "--temperature", "0", "--json")
        written = json.loads(done.stdout)["samples"][0]["text"] if done.returncode == 0 else done.stderr
        written = written if written.startswith(prompt) else prompt + written
        report.check("the same greedy text", written == theirs, f"{written!r}\n  {theirs!r}")


def what_is_wrong(glass, folder, report, mutants):
    model = nanogpt.scramble(nanogpt.GPT(**{**SHAPE, "n_layer": 1, "n_embd": 4, "block_size": 4}, bias=False), 3)
    path = folder / "good.pt"
    torch.save({"model": model.state_dict(), "model_args": model.args, "iter_num": 1}, path)
    good, dice, bad = path.read_bytes(), random.Random(2026), folder / "bad.pt"
    outcome = {"both refuse": 0, "both accept": 0, "only we refuse": 0}
    for _ in range(mutants):
        data = bytearray(good)
        for _ in range(dice.choice([1, 1, 2])):
            kind = dice.randrange(4)
            at = dice.randrange(len(data))
            if kind <= 1:
                data[at] ^= 1 << dice.randrange(8)
            elif kind == 2:
                data[at] = dice.randrange(256)
            else:
                del data[dice.randrange(len(data) // 2, len(data)):]
        bad.write_bytes(data)
        done = run(glass, "logits", "--ckpt", bad, "--tokens", "1,2")
        try:
            state = torch.load(bad, weights_only=True)
            theirs = isinstance(state, dict) and all(torch.is_tensor(x) for x in state["model"].values())
        except Exception:
            theirs = False
        ours = done.returncode == 0
        report.check("exit 0 or 3", done.returncode in (0, 3), f"{done.returncode} {done.stderr}")
        if ours and not theirs:
            report.check("accepted here and refused there", False, bytes(data[:200]))
        key = "both accept" if ours and theirs else "both refuse" if not ours and not theirs else "only we refuse"
        outcome[key] += 1
    print(f"{mutants} mutants: {outcome}")

    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {folder / 'owned'}",)

    torch.save({"model": Evil(), "model_args": {}}, bad)
    done = run(glass, "logits", "--ckpt", bad, "--tokens", "1")
    report.check("a call of os.system", done.returncode == 3 and "'system'" in done.stderr and
                 not (folder / "owned").exists(), done.stderr)
    torch.save({"model": model.state_dict(), "model_args": model.args}, bad, _use_new_zipfile_serialization=False)
    done = run(glass, "logits", "--ckpt", bad, "--tokens", "1")
    report.check("the format of before 1.6", done.returncode == 3 and "save it again" in done.stderr, done.stderr)


def main():
    parser = peer.parser(__doc__)
    parser.add_argument("--mutants", type=int, default=40, help="damaged files to compare with torch.load")
    args = parser.parse_args()
    torch.set_num_threads(1)
    report = peer.Report()
    for part in (what_they_save, bare_state_dicts, training_goes_on, what_we_write):
        with peer.folder() as folder:
            part(args.glass, folder, report)
    with peer.folder() as folder:
        what_is_wrong(args.glass, folder, report, args.mutants)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
