#!/usr/bin/env python3
"""llm.c's files, packed and unpacked here number by number as llm.c's own scripts do it.

    python3 tests/peers/llmc_test.py --glass build/release/glass

What glass writes is taken apart with `struct`. With PyTorch: a model goes through llm.c's .bin into glass, and loss,
logits and every gradient are what PyTorch computes, also in the form of a debug state.
"""
import json
import os
import struct
import sys

import peer
from peer import run

try:
    import numpy
    import torch
except ImportError:
    torch = None   # then a part is left out

HEADER = 1024


def order(L, V, T, C):
    """(name, shape) of every tensor in the order of the file: a kind of parameter, of all layers."""
    names = [("transformer.wte.weight", (V, C)), ("transformer.wpe.weight", (T, C))]
    for place, rows, columns in [("ln_1", C, 0), ("attn.c_attn", 3 * C, C), ("attn.c_proj", C, C), ("ln_2", C, 0),
                                 ("mlp.c_fc", 4 * C, C), ("mlp.c_proj", C, 4 * C)]:
        for part, shape in [("weight", (rows, columns) if columns else (rows,)), ("bias", (rows,))]:
            names += [(f"transformer.h.{i}.{place}.{part}", shape) for i in range(L)]
    return names + [("transformer.ln_f.weight", (C,)), ("transformer.ln_f.bias", (C,))]


def tensors_of(path):
    """{name: bytes} of a safetensors file."""
    return {name: data for name, (_, _, data) in peer.read_safetensors(path)[0].items()}


def what_glass_writes(glass, folder, report):
    V, T, L, H, C = 3, 8, 2, 2, 16
    text, out = os.path.join(folder, "abc.txt"), os.path.join(folder, "run")
    with open(text, "w", encoding="utf-8") as file:
        file.write("ab\u00e9" * 200)
    done = run(glass, "train", text, "--tokenizer", "char", "--out", out, "--max-iters", "2", "--n-layer", str(L), "--n-head",
               str(H), "--n-embd", str(C), "--block-size", str(T), "--batch-size", "2", "--eval-iters", "1", "--threads", "1",
               "--act", "gelu")
    report.check("a short training", done.returncode == 0, done.stderr)
    weights = os.path.join(folder, "w.safetensors")
    report.check("its weights", run(glass, "export", "--ckpt", out, "--to", "safetensors", "-o", weights).returncode == 0)
    weights = tensors_of(weights)
    for kind, version, width in [("f32", 3, 4), ("bf16", 5, 2)]:
        path = os.path.join(folder, kind, "model.bin")
        os.mkdir(os.path.dirname(path))
        done = run(glass, "export", "--ckpt", out, "--to", "llmc", "--type", kind, "-o", path)
        report.check(f"export of {kind}", done.returncode == 0, done.stderr)
        with open(path, "rb") as file:
            content = file.read()
        header = struct.unpack_from("<256i", content)
        report.check(f"{kind}: header", header == (20240326, version, T, V, L, H, C, 128) + (0,) * 248, header[:8])
        count = 128 * C + T * C + L * (12 * C * C + 13 * C) + 2 * C
        report.check(f"{kind}: size", len(content) == HEADER + width * count, len(content))
        at = HEADER
        for name, shape in order(L, V, T, C):
            elements = shape[0] * (shape + (1,))[1]
            numbers = weights.get(name, bytes(4 * elements))   # a bias that the model does not have
            if width == 2:   # the upper half, to the nearest, ties to even
                bits = struct.unpack(f"<{elements}I", numbers)
                numbers = struct.pack(f"<{elements}H", *((b + 0x7fff + (b >> 16 & 1)) >> 16 for b in bits))
            report.check(f"{kind}: {name}", content[at:at + len(numbers)] == numbers)
            at += len(numbers)
            if name == "transformer.wte.weight":
                report.check(f"{kind}: padding", not any(content[at:at + width * (128 - V) * C]))
                at += width * (128 - V) * C
        with open(os.path.join(folder, kind, "gpt2_tokenizer.bin"), "rb") as file:
            content = file.read()
        report.check(f"{kind}: tokenizer", struct.unpack_from("<4i", content) == (20240328, 2, V, -1)
                     and content[HEADER:] == b"\x01a\x01b\x02\xc3\xa9", content[HEADER:])
        beside = run(glass, "inspect", os.path.join(folder, kind, "gpt2_tokenizer.bin"))
        report.check(f"{kind}: glass inspect of its tokenizer", beside.returncode == 0 and "char" in beside.stdout, beside)
        ids = run(glass, "tokenizer", "encode", "--tokenizer", os.path.join(folder, kind, "gpt2_tokenizer.bin"), "--text",
                  "b\u00e9a", "--json")
        report.check(f"{kind}: its tokens", ids.returncode == 0 and json.loads(ids.stdout)["ids"] == [1, 2, 0], ids)
        back = run(glass, "sample", "--ckpt", path, "--prompt", "ab", "-n", "3", "--seed", "1", "--threads", "1")
        report.check(f"{kind}: it runs", back.returncode == 0, back.stderr)


def what_goes_on(glass, folder, report):
    """A model of llm.c's with its state: the moments are taken up, and move the weights even where nothing is learned."""
    V, T, L, H, C = 3, 8, 2, 2, 16
    count = 128 * C + T * C + L * (12 * C * C + 13 * C) + 2 * C
    path, text = os.path.join(folder, "f32", "model_00000002.bin"), os.path.join(folder, "abc.txt")
    os.rename(os.path.join(folder, "f32", "model.bin"), path)
    state = struct.pack("<11i980x", 20240527, 1, 1, 0, 0, 0, 0, 0, 0, 0, 2)
    with open(os.path.join(folder, "f32", "state_00000002_00000.bin"), "wb") as file:
        file.write(state + struct.pack("<f", 1.0) * count + struct.pack("<f", 1.0) * count)
    out = os.path.join(folder, "on")
    done = run(glass, "train", text, "--resume", path, "--out", out, "--max-iters", "3", "--learning-rate", "0.125",
               "--lr-decay-iters", "9", "--min-lr", "0.125", "--warmup-iters", "0", "--weight-decay", "0", "--beta1", "0.5",
               "--beta2", "0.5", "--eval-iters", "1", "--threads", "1")
    report.check("training goes on", done.returncode == 0, done.stderr)
    if done.returncode != 0:
        return
    before = struct.unpack_from(f"<{T * C}f", open(path, "rb").read(), HEADER + 4 * 128 * C)
    after = struct.unpack(f"<{T * C}f", tensors_of(os.path.join(out, "ckpt-00000003.safetensors"))["transformer.wpe.weight"])
    # Step 3 with m = v = 1 and gradients near 0: m = v = 1/2, divided by 1 - 1/8 each; the step is lr m / sqrt(v).
    step = 0.125 * (0.5 / 0.875) / (0.5 / 0.875) ** 0.5
    worst = max(abs(b - a - step) for b, a in zip(before, after))
    report.check("by the moments of the state", worst < 0.02, f"{worst} beside a step of {step}")


def padded(array, rows=128):
    return numpy.concatenate([array, numpy.zeros((rows - len(array), array.shape[1]), array.dtype)])


def what_pytorch_computes(glass, folder, report):
    torch_gpt = peer.golden("torch_gpt")
    torch.set_default_dtype(torch.float64)
    config = torch_gpt.Config(vocab_size=19, block_size=12, n_layer=2, n_head=2, n_embd=16)
    weights = {name: x.requires_grad_() for name, x in torch_gpt.draw_weights(config).items()}
    sizes = order(config.n_layer, config.vocab_size, config.block_size, config.n_embd)

    def packed(tensors):
        parts = []
        for name, shape in sizes:
            array = tensors[name].detach().numpy().astype(numpy.float32)
            assert array.shape == shape, name
            parts.append((padded(array) if name == "transformer.wte.weight" else array).tobytes())
        return b"".join(parts)

    path = os.path.join(folder, "torch.bin")
    with open(path, "wb") as file:
        file.write(struct.pack("<8i992x", 20240326, 3, config.block_size, config.vocab_size, config.n_layer, config.n_head,
                               config.n_embd, 128) + packed(weights))
    ids, targets = torch_gpt.batch(config, 3, 0, False)
    loss = torch_gpt.loss_of(config, weights, ids, targets)
    loss.backward()
    logits = torch_gpt.logits(config, weights, ids).detach().numpy()
    grads = {name: x.grad for name, x in weights.items()}

    state = os.path.join(folder, "state.bin")
    with open(state, "wb") as file:
        file.write(struct.pack("<4i1008x", 20240327, 2, 3, config.block_size) + ids.numpy().astype(numpy.int32).tobytes()
                   + targets.numpy().astype(numpy.int32).tobytes() + logits.astype(numpy.float32).tobytes()
                   + struct.pack("<f", loss.item()) + packed(grads))
    done = run(glass, "grads", "--ckpt", path, "--tokens-file", state, "--json", "--threads", "1")
    report.check("glass grads with a debug state", done.returncode == 0, done.stderr)
    if done.returncode == 0:
        said = json.loads(done.stdout)
        theirs = said["theirs"]
        report.check("its loss", abs(said["loss"] - loss.item()) < 1e-5 and abs(theirs["loss"] - loss.item()) < 1e-6, said)
        report.check("its logits and gradients", theirs["logits_differ"] < 1e-4 and 0 < theirs["gradients_differ"] < 1e-4, said)
    done = run(glass, "inspect", state)
    report.check("glass inspect of a debug state", done.returncode == 0 and "debug state" in done.stdout, done)
    with open(state, "r+b") as file:   # a gradient that is wrong is seen
        file.seek(-4, os.SEEK_END)
        file.write(struct.pack("<f", 1.0))
    done = run(glass, "grads", "--ckpt", path, "--tokens-file", state, "--json", "--threads", "1")
    theirs = json.loads(done.stdout)["theirs"]
    report.check("a wrong gradient", theirs["worst"] == "transformer.ln_f.bias" and theirs["gradients_differ"] > 0.1, theirs)

    batch, out = os.path.join(folder, "batch.npy"), os.path.join(folder, "grads.safetensors")
    numpy.save(batch, numpy.concatenate([ids.numpy(), targets.numpy()[:, -1:]], axis=1).astype(numpy.int32))
    done = run(glass, "grads", "--ckpt", path, "--tokens-file", batch, "-o", out, "--threads", "1")
    report.check("glass grads", done.returncode == 0, done.stderr)
    if done.returncode == 0:
        ours = {name: numpy.frombuffer(data, numpy.float32) for name, data in tensors_of(out).items()}
        report.check("the loss", abs(ours["loss"][0] - loss.item()) < 1e-5, f"{ours['loss'][0]} against {loss.item()}")
        report.check("the logits", numpy.abs(ours["logits"] - logits.reshape(-1)).max() < 1e-4)
        for name, grad in grads.items():
            theirs = grad.numpy().reshape(-1)
            distance = numpy.linalg.norm(ours[name] - theirs) / max(numpy.linalg.norm(theirs), 1e-9)
            # Of the keys' bias PyTorch's own gradient is rounding: 0 but for that.
            report.check(f"the gradient of {name}", distance < 1e-5 or "c_attn.bias" in name, distance)


def main():
    args = peer.parser(__doc__).parse_args()
    report = peer.Report()
    with peer.folder() as folder:
        what_glass_writes(args.glass, folder, report)
        what_goes_on(args.glass, folder, report)
        if torch is None:
            report.skip("what PyTorch computes", "PyTorch is not installed")
        else:
            what_pytorch_computes(args.glass, folder, report)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
