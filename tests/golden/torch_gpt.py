"""Writes torch_gpt.txt: what PyTorch computes, in double, for whole language models and ten steps of their training.

Run with PyTorch 2.13 installed:  python3 tests/golden/torch_gpt.py
Only this script may write the file: numbers that our own engine produced would test nothing.

Below is the whole family of model/config.h in plain PyTorch; the fields have its names, the weights those of a
checkpoint. Weights and batches are drawn as drawn.py says, so the file holds results only: of the first batch the loss,
the logits and every gradient, the text that the model writes, then the losses and gradient norms of ten steps of AdamW,
and every weight after them.
"""
import math
import pathlib
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F

from drawn import Golden, below, weight

STEPS = 10
WRITTEN = 256                                             # tokens
LEARNING_RATE, MIN_LR, WARMUP, DECAY = 1e-3, 1e-4, 3, 8   # ten steps see the rise, the cosine and the flat end
BETA1, BETA2, EPS, WEIGHT_DECAY, CLIP = 0.9, 0.95, 1e-8, 0.1, 1.0
IGNORE = -1                                               # a target that counts for nothing


@dataclass
class Config:
    vocab_size: int          # V
    block_size: int          # T
    n_layer: int
    n_head: int              # H
    n_embd: int              # C
    n_kv_head: int = 0       # heads of k and v; 0: H
    n_inner: int = 0         # width of the mlp; 0: 4 C
    norm: str = "pre"        # pre, post, none
    norm_type: str = "layernorm"
    norm_weight: bool = True
    norm_embed: bool = False
    norm_final: bool = True
    norm_eps: float = 1e-5
    act: str = "gelu"        # gelu, gelu_erf, relu, relu2, swiglu, none
    pos: str = "learned"     # learned, rope, sinusoidal, none
    rope_base: float = 10000
    bias_qkv: bool = True
    bias_out: bool = True
    bias_norm: bool = True
    bias_head: bool = False
    tie: bool = True
    attn_scale: float = 0    # 0: 1 / sqrt(D)
    window: int = 0          # 0: everything before
    arch: str = "gpt"        # gpt, bigram

    @property
    def kv_heads(self):
        return self.n_kv_head or self.n_head

    @property
    def head_size(self):
        return self.n_embd // self.n_head


def shapes(c):
    """Every weight of a model and its shape, in the order of its way through the model. A linear one is (out, in)."""
    C, V, kv = c.n_embd, c.vocab_size, c.kv_heads * c.head_size
    inner = c.n_inner or 4 * C
    if c.arch == "bigram":
        return {"bigram.table": (V, V)}
    found = {"transformer.wte.weight": (V, C)}
    if c.pos == "learned":
        found["transformer.wpe.weight"] = (c.block_size, C)

    def linear(name, outputs, inputs, bias):
        found[name + ".weight"] = (outputs, inputs)
        if bias:
            found[name + ".bias"] = (outputs,)

    def norm(name):
        if c.norm_weight:
            found[name + ".weight"] = (C,)
            if c.bias_norm:
                found[name + ".bias"] = (C,)

    for i in range(c.n_layer):
        block = f"transformer.h.{i}"
        if c.norm != "none":
            norm(block + ".ln_1")
        linear(block + ".attn.c_attn", C + 2 * kv, C, c.bias_qkv)
        linear(block + ".attn.c_proj", C, C, c.bias_out)
        if c.act != "none":
            if c.norm != "none":
                norm(block + ".ln_2")
            if c.act == "swiglu":
                linear(block + ".mlp.c_gate", inner, C, c.bias_out)
            linear(block + ".mlp.c_fc", inner, C, c.bias_out)
            linear(block + ".mlp.c_proj", C, inner, c.bias_out)
    if c.norm_final:
        norm("transformer.ln_f")
    if not c.tie:
        found["lm_head.weight"] = (V, C)
    if c.bias_head:
        found["lm_head.bias"] = (V,)
    return found


def draw_weights(c):
    return {name: torch.tensor(weight(name, shape)) for name, shape in shapes(c).items()}


def normalise(c, p, name, x):
    """Layer norm subtracts the mean and divides by the deviation; rms norm divides by the root of the mean square."""
    if c.norm_type == "layernorm":
        x = x - x.mean(-1, keepdim=True)
    x = x / torch.sqrt((x * x).mean(-1, keepdim=True) + c.norm_eps)
    if c.norm_weight:
        x = x * p[name + ".weight"]
        if c.bias_norm:
            x = x + p[name + ".bias"]
    return x


def linear(p, name, x):
    return F.linear(x, p[name + ".weight"], p.get(name + ".bias"))


def rope(x, base):
    """(B,H,T,D): the pair (x_i, x_{i + D/2}) at position t turns by the angle t base^(-2i/D)."""
    T, half = x.shape[2], x.shape[3] // 2
    angle = torch.arange(T)[:, None] * base ** (-torch.arange(half) / half)
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * angle.cos() - second * angle.sin(), second * angle.cos() + first * angle.sin()], dim=-1)


def sinusoids(T, C, base):
    """(T,C): the sines of t base^(-2i/C), i < C/2, then their cosines."""
    angle = torch.arange(T)[:, None] * base ** (-torch.arange(C // 2) / (C // 2))
    return torch.cat([angle.sin(), angle.cos()], dim=-1)


def attention(c, p, name, x):
    """(B,T,C) -> (B,T,C). Query head h listens to key head h // (H / Hk)."""
    B, T, C = x.shape
    H, Hk, D = c.n_head, c.kv_heads, c.head_size
    qkv = linear(p, name + ".c_attn", x)
    if c.pos == "sinusoidal":   # positions for q and k; the values do not see them
        placed = linear(p, name + ".c_attn", x + sinusoids(T, C, c.rope_base))
        qkv = torch.cat([placed[..., : C + Hk * D], qkv[..., C + Hk * D :]], dim=-1)
    parts = qkv.split([C, Hk * D, Hk * D], dim=-1)
    q, k, v = (part.view(B, T, -1, D).transpose(1, 2) for part in parts)                # (B,H,T,D) (B,Hk,T,D) (B,Hk,T,D)
    if c.pos == "rope":
        q, k = rope(q, c.rope_base), rope(k, c.rope_base)
    k, v = k.repeat_interleave(H // Hk, dim=1), v.repeat_interleave(H // Hk, dim=1)
    scores = q @ k.transpose(-1, -2) * (c.attn_scale or 1 / math.sqrt(D))               # (B,H,T,T)
    i, j = torch.arange(T)[:, None], torch.arange(T)[None, :]
    seen = (j <= i) & (j > i - (c.window or T))
    pattern = scores.masked_fill(~seen, -math.inf).softmax(-1)
    return linear(p, name + ".c_proj", (pattern @ v).transpose(1, 2).reshape(B, T, C))


def mlp(c, p, name, x):
    up = linear(p, name + ".c_fc", x)
    if c.act == "swiglu":
        hidden = F.silu(linear(p, name + ".c_gate", x)) * up
    else:
        hidden = {"gelu": lambda x: F.gelu(x, approximate="tanh"), "gelu_erf": F.gelu, "relu": F.relu,
                  "relu2": lambda x: F.relu(x) ** 2}[c.act](up)
    return linear(p, name + ".c_proj", hidden)


def logits(c, p, ids):
    """(B,T) -> (B,T,V)."""
    if c.arch == "bigram":   # row i of the table says what follows token i
        return p["bigram.table"][ids]
    x = p["transformer.wte.weight"][ids]
    if c.pos == "learned":
        x = x + p["transformer.wpe.weight"][: ids.shape[1]]
    if c.norm_embed:
        x = normalise(c, p, "transformer.ln_e", x)
    for i in range(c.n_layer):
        block = f"transformer.h.{i}"
        sublayers = [(".ln_1", attention, ".attn")] + [(".ln_2", mlp, ".mlp")] * (c.act != "none")
        for norm, layer, name in sublayers:
            if c.norm == "pre":
                x = x + layer(c, p, block + name, normalise(c, p, block + norm, x))
            elif c.norm == "post":
                x = normalise(c, p, block + norm, x + layer(c, p, block + name, x))
            else:
                x = x + layer(c, p, block + name, x)
    if c.norm_final:
        x = normalise(c, p, "transformer.ln_f", x)
    head = p["transformer.wte.weight"] if c.tie else p["lm_head.weight"]
    return F.linear(x, head, p.get("lm_head.bias"))


def batch(c, B, step, ignored):
    """Step's ids and targets (B,T). With `ignored`, every seventh target counts for nothing."""
    ids = torch.tensor(below("tokens", (B, c.block_size + 1), c.vocab_size, step))
    targets = ids[:, 1:].clone()
    if ignored:
        targets.view(-1)[::7] = IGNORE
    return ids[:, :-1], targets


def loss_of(c, p, ids, targets):
    return F.cross_entropy(logits(c, p, ids).flatten(0, 1), targets.flatten(), ignore_index=IGNORE)


@torch.no_grad()
def write(c, p, first):
    """A text that begins with this token and goes on with the likeliest which is not among the last eight.

    Without that, a tied head with random weights would say one token for ever. The model reads the last block_size of
    them.
    """
    text = [first]
    for _ in range(WRITTEN):
        likely = logits(c, p, torch.tensor([text[-c.block_size :]]))[0, -1]
        likely[text[-8:]] = -math.inf
        text.append(int(likely.argmax()))
    return text


def learning_rate(step):
    if step < WARMUP:
        return LEARNING_RATE * (step + 1) / (WARMUP + 1)
    if step > DECAY:
        return MIN_LR
    return MIN_LR + 0.5 * (1 + math.cos(math.pi * (step - WARMUP) / (DECAY - WARMUP))) * (LEARNING_RATE - MIN_LR)


def settings(c):
    """A config as the words of a golden file."""
    return {f.name: int(v) if isinstance(v := getattr(c, f.name), bool) else v for f in fields(c)}


def write_case(golden, name, c, B, ignored=False):
    golden.case(name, B=B, ignored=int(ignored), steps=STEPS, learning_rate=LEARNING_RATE, min_lr=MIN_LR,
                warmup=WARMUP, decay=DECAY, beta1=BETA1, beta2=BETA2, eps=EPS, weight_decay=WEIGHT_DECAY, max_norm=CLIP,
                **settings(c))
    p = {name: x.requires_grad_() for name, x in draw_weights(c).items()}
    ids, targets = batch(c, B, 0, ignored)
    golden.tensor("logits", "logits", logits(c, p, ids).detach())
    loss = loss_of(c, p, ids, targets)
    loss.backward()
    golden.numbers("loss", [loss.item()])
    for weight_name, x in p.items():
        golden.tensor("grad", weight_name, x.grad)
    golden.numbers("written", write(c, p, int(ids[0, 0])))

    groups = [{"params": [x for x in p.values() if x.dim() >= 2], "weight_decay": WEIGHT_DECAY},
              {"params": [x for x in p.values() if x.dim() < 2], "weight_decay": 0.0}]
    adamw = torch.optim.AdamW([group for group in groups if group["params"]], betas=(BETA1, BETA2), eps=EPS)
    losses, norms = [], []
    for step in range(STEPS):
        for group in adamw.param_groups:
            group["lr"] = learning_rate(step)
        loss = loss_of(c, p, *batch(c, B, step, ignored))
        adamw.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(p.values(), CLIP).item())
        adamw.step()
        losses.append(loss.item())
    golden.numbers("losses", losses)
    golden.numbers("norms", norms)
    for weight_name, x in p.items():
        golden.tensor("weight", weight_name, x.detach())


bare = dict(bias_qkv=False, bias_out=False, bias_norm=False)
microgpt = dict(norm_type="rmsnorm", norm_weight=False, norm_embed=True, norm_final=False, act="relu", tie=False, **bare)
postnorm = dict(norm="post", act="relu", tie=False, bias_qkv=False, bias_head=True)
induction = dict(norm="none", norm_final=False, act="none", pos="rope", tie=False)
modern = dict(norm_type="rmsnorm", act="swiglu", pos="rope", n_kv_head=2, window=5, **bare)
CASES = [   # V, T, layers, H, C; then what differs from GPT-2. Every size is one that trips over a wrong axis.
    ("gpt2", Config(256, 32, 2, 4, 64), 4),
    ("gpt2_odd", Config(97, 17, 3, 5, 60), 3, True),
    ("char", Config(29, 11, 2, 3, 24, act="gelu_erf", **bare), 2),
    ("untied", Config(31, 9, 2, 2, 20, act="gelu_erf", tie=False, **bare), 2),
    ("microgpt", Config(27, 16, 2, 4, 16, **microgpt), 2),
    ("postnorm", Config(37, 13, 2, 3, 24, **postnorm), 2),
    ("induction", Config(33, 21, 2, 2, 28, **induction), 2),
    ("induction_sinusoidal", Config(33, 21, 2, 2, 28, **{**induction, "pos": "sinusoidal"}), 2),
    ("induction_learned", Config(33, 21, 2, 2, 28, **{**induction, "pos": "learned"}), 2),
    ("modern", Config(41, 19, 2, 4, 32, n_inner=44, **modern), 2),
    ("modern_relu2", Config(41, 19, 2, 6, 36, tie=False,
                            **{**modern, "act": "relu2", "attn_scale": 0.25, "window": 0}), 2),
    ("bigram", Config(31, 9, 0, 1, 1, arch="bigram", **bare), 2),
]

if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    golden = Golden()
    for case in CASES:
        write_case(golden, *case)
    golden.save(pathlib.Path(__file__).with_suffix(".txt"),
                f"PyTorch {torch.__version__}, double, written by torch_gpt.py")
