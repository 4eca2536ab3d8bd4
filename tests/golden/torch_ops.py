"""Writes torch_ops.txt: what PyTorch computes, in double, for the fused ops and the optimizer.

Run with PyTorch 2.13 installed:  python3 tests/golden/torch_ops.py
Only this script may write the file: numbers that our own engine produced would test nothing.

The file is lines of words. `case NAME key=value ..` opens a case; `in NAME d0 d1 .. : values` are its inputs,
`dy` the gradient that arrives, `out` the result and `grad NAME` the gradient of an input.
"""
import pathlib

import torch
import torch.nn.functional as F

torch.manual_seed(20)
torch.set_default_dtype(torch.float64)
lines = []


def write(word, name, tensor):
    shape = " ".join(str(d) for d in tensor.shape)
    values = " ".join(repr(v) if isinstance(v, float) else str(v) for v in tensor.flatten().tolist())
    lines.append(f"{word} {name} {shape} : {values}")


def case(name, function, inputs, constants=None, **numbers):
    """Runs `function` on `inputs` (dict), sends a random gradient back, and writes everything down."""
    lines.append(" ".join(["case", name] + [f"{k}={v}" for k, v in numbers.items()]))
    leaves = {k: v.clone().requires_grad_() for k, v in inputs.items()}
    out = function(**leaves, **(constants or {}))
    dy = torch.randn_like(out)
    out.backward(dy)
    for k, v in inputs.items():
        write("in", k, v)
    for k, v in (constants or {}).items():
        write("in", k, v)
    write("out", "y", out.detach())
    write("dy", "y", dy)
    for k, v in leaves.items():
        write("grad", k, v.grad)


x = torch.randn(3, 5) * 2
case("gelu", lambda x: F.gelu(x, approximate="tanh"), {"x": x})
case("gelu_erf", lambda x: F.gelu(x), {"x": x})
case("silu", lambda x: F.silu(x), {"x": x})
case("relu2", lambda x: F.relu(x) ** 2, {"x": x})
case("sigmoid", lambda x: torch.sigmoid(x), {"x": x})
case("tanh", lambda x: torch.tanh(x), {"x": x})
case("swiglu", lambda gate, up: F.silu(gate) * up, {"gate": x, "up": torch.randn(3, 5)})
case("softmax", lambda x: F.softmax(x, dim=-1), {"x": torch.randn(2, 3, 7) * 5})
case("linear", lambda x, w, b: F.linear(x, w, b),
     {"x": torch.randn(2, 3, 4), "w": torch.randn(5, 4), "b": torch.randn(5)})
case("layernorm", lambda x, w, b: F.layer_norm(x, (6,), w, b, 1e-5),
     {"x": torch.randn(2, 3, 6), "w": torch.randn(6), "b": torch.randn(6)})
case("rmsnorm", lambda x, w: F.rms_norm(x, (6,), w, 1e-5), {"x": torch.randn(2, 3, 6), "w": torch.randn(6)})
case("embedding", lambda table, ids: F.embedding(ids, table), {"table": torch.randn(7, 4)},
     {"ids": torch.tensor([[1, 3, 3], [0, 6, 3]])})
targets = torch.tensor([2, -1, 0, 6])
case("cross_entropy", lambda logits, targets: F.cross_entropy(logits, targets, ignore_index=-1),
     {"logits": torch.randn(4, 7) * 3}, {"targets": targets})


def attend(q, k, v, window):
    """Causal attention with grouped queries; window 0 is everything before. The mask is spelled out."""
    T = q.shape[2]
    i, j = torch.arange(T)[:, None], torch.arange(T)[None, :]
    seen = (j <= i) & ((j > i - window) if window else torch.ones(T, T, dtype=torch.bool))
    group = q.shape[1] // k.shape[1]
    return F.scaled_dot_product_attention(q, k.repeat_interleave(group, 1), v.repeat_interleave(group, 1),
                                          attn_mask=seen)


for heads, kv_heads, window in [(2, 2, 0), (4, 2, 0), (2, 1, 3)]:
    q, k, v = torch.randn(2, heads, 5, 4), torch.randn(2, kv_heads, 5, 4), torch.randn(2, kv_heads, 5, 4)
    case("attention", lambda q, k, v: attend(q, k, v, window), {"q": q, "k": k, "v": v}, window=window)

# AdamW with clipping: ten steps on two tensors, one of which decays. The gradients are written as inputs.
lines.append("case adamw lr=0.02 beta1=0.9 beta2=0.95 eps=1e-08 weight_decay=0.1 max_norm=1.0 steps=10")
w, b = torch.randn(3, 4).requires_grad_(), torch.randn(4).requires_grad_()
write("in", "w", w.detach())
write("in", "b", b.detach())
adamw = torch.optim.AdamW([{"params": [w], "weight_decay": 0.1}, {"params": [b], "weight_decay": 0.0}],
                          lr=0.02, betas=(0.9, 0.95), eps=1e-8)
for step in range(10):
    w.grad, b.grad = torch.randn(3, 4), torch.randn(4)
    write("in", f"dw{step}", w.grad)
    write("in", f"db{step}", b.grad)
    norm = torch.nn.utils.clip_grad_norm_([w, b], 1.0)
    write("out", f"norm{step}", norm)
    adamw.step()
write("out", "w", w.detach())
write("out", "b", b.detach())

path = pathlib.Path(__file__).with_suffix(".txt")
path.write_text(f"# PyTorch {torch.__version__}, double, written by {pathlib.Path(__file__).name}\n" + "\n".join(lines) + "\n")
print(f"{path.name}: {sum(line.startswith('case') for line in lines)} cases, {path.stat().st_size} bytes")
