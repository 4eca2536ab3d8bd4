"""PyTorch's side of the comparisons: a GPT with random weights that answers how long a step or a token took.

Started by the scripts beside it with a spec as JSON, never by hand. It reads numbers of runs from stdin, one a line, and
answers each with the milliseconds of every run. Everything that makes PyTorch fast is a field of the spec.
"""
import json
import resource
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F


class OneDnnLinear(torch.autograd.Function):
    """y = x w^T + b with oneDNN's product in all three directions; F.linear asks MKL."""

    @staticmethod
    def forward(ctx, x, w, b):
        ctx.save_for_backward(x, w)
        ctx.bias = b is not None
        return torch.ops.mkldnn._linear_pointwise(x, w, b, "none", [], "")

    @staticmethod
    def backward(ctx, dy):
        x, w = ctx.saved_tensors
        rows = dy.reshape(-1, dy.shape[-1])
        product = torch.ops.mkldnn._linear_pointwise
        dx = product(rows, w.t().contiguous(), None, "none", [], "").view(x.shape)
        dw = product(rows.t().contiguous(), x.reshape(-1, x.shape[-1]).t().contiguous(), None, "none", [], "")
        return dx, dw, rows.sum(0) if ctx.bias else None


class Linear(nn.Linear):
    onednn = False

    def reset_parameters(self):
        pass      # GPT draws all of them

    def forward(self, x):
        return OneDnnLinear.apply(x, self.weight, self.bias) if Linear.onednn else F.linear(x, self.weight, self.bias)


class Embedding(nn.Embedding):
    def reset_parameters(self):
        pass


class Attention(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.H, self.p, self.math = s["n_head"], s["dropout"], s["attention"] == "math"
        self.c_attn = Linear(s["n_embd"], 3 * s["n_embd"], bias=s["bias"])
        self.c_proj = Linear(s["n_embd"], s["n_embd"], bias=s["bias"])
        self.cache = None      # (2, B, H, T, D) while decoding

    def forward(self, x, start=0):
        B, T, C = x.shape
        q, k, v = (t.view(B, T, self.H, C // self.H).transpose(1, 2) for t in self.c_attn(x).split(C, dim=2))
        if self.cache is not None:
            self.cache[0, :, :, start:start + T] = k
            self.cache[1, :, :, start:start + T] = v
            k, v = self.cache[0, :, :, :start + T], self.cache[1, :, :, :start + T]
        if self.math:
            scores = (q @ k.transpose(-2, -1)) * (C // self.H) ** -0.5
            scores = scores.masked_fill(torch.ones(T, T, dtype=torch.bool, device=x.device).triu(1), float("-inf"))
            y = F.dropout(F.softmax(scores, dim=-1), self.p, self.training) @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v, dropout_p=self.p if self.training else 0.0, is_causal=T > 1)
        return F.dropout(self.c_proj(y.transpose(1, 2).reshape(B, T, C)), self.p, self.training)


class Block(nn.Module):
    def __init__(self, s):
        super().__init__()
        C = s["n_embd"]
        self.ln_1, self.ln_2 = nn.LayerNorm(C, bias=s["bias"]), nn.LayerNorm(C, bias=s["bias"])
        self.attn = Attention(s)
        self.c_fc, self.c_proj = Linear(C, 4 * C, bias=s["bias"]), Linear(4 * C, C, bias=s["bias"])
        self.p, self.form = s["dropout"], "tanh" if s["gelu"] == "tanh" else "none"

    def forward(self, x, start=0):
        x = x + self.attn(self.ln_1(x), start)
        h = self.c_proj(F.gelu(self.c_fc(self.ln_2(x)), approximate=self.form))
        return x + F.dropout(h, self.p, self.training)


class GPT(nn.Module):
    def __init__(self, s):
        super().__init__()
        self.wte, self.wpe = Embedding(s["vocab"], s["n_embd"]), Embedding(s["block"], s["n_embd"])
        self.h = nn.ModuleList(Block(s) for _ in range(s["n_layer"]))
        self.ln_f = nn.LayerNorm(s["n_embd"], bias=s["bias"])
        self.lm_head = Linear(s["n_embd"], s["vocab"], bias=False)
        self.p = s["dropout"]
        self.lm_head.weight = self.wte.weight
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                nn.init.normal_(weight, 0.0, 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(weight)

    def forward(self, ids, targets=None, start=0):
        T = ids.shape[1]
        x = F.dropout(self.wte(ids) + self.wpe.weight[start:start + T], self.p, self.training)
        for block in self.h:
            x = block(x, start)
        x = self.ln_f(x)
        if targets is None:
            return self.lm_head(x[:, -1])
        logits = self.lm_head(x)
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1))


def trainer(s):
    device = s.get("device", "cpu")
    model = GPT(s).to(device)
    how = {"stock": {}, "foreach": {"foreach": True}, "fused": {"fused": True}}[s["optimizer"]]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, **how)
    forward = torch.compile(model, **({"mode": s["compile"]} if s["compile"] != "default" else {})) if s["compile"] else model
    shape = (s["batch"], s["block"])

    def step():
        ids, targets = (torch.randint(s["vocab"], shape, device=device) for _ in range(2))
        with torch.autocast(device, dtype=torch.bfloat16, enabled=s["dtype"] == "bf16"):
            loss = forward(ids, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()
    return step


def decoder(s):
    """One token behind s["start"] others (decode), or a prompt of s["block"] tokens (prefill)."""
    dtype = torch.bfloat16 if s["dtype"] == "bf16" else torch.float32
    model = GPT({**s, "block": 1024}).eval().to(dtype)
    D = s["n_embd"] // s["n_head"]
    for block in model.h:
        block.attn.cache = torch.zeros(2, 1, s["n_head"], 1024, D, dtype=dtype)
    length = 1 if s["kind"] == "decode" else s["block"]
    position = [s["start"]]
    forward = torch.compile(model) if s["compile"] else model

    def step():
        with torch.inference_mode():
            start = position[0] if s["kind"] == "decode" else 0
            token = forward(torch.randint(s["vocab"], (1, length)), None, start).argmax(-1)
            position[0] = s["start"] + (position[0] + 1 - s["start"]) % 256
        return int(token)
    return step


def attention(s):
    shape = (s["batch"], s["n_head"], s["block"], s["n_embd"] // s["n_head"])
    dtype = torch.bfloat16 if s["dtype"] == "bf16" else torch.float32
    q, k, v = (torch.randn(shape, dtype=dtype, requires_grad=True) for _ in range(3))
    dy = torch.randn(shape, dtype=dtype)
    attend = torch.compile(F.scaled_dot_product_attention) if s["compile"] else F.scaled_dot_product_attention

    def step():
        torch.autograd.grad(attend(q, k, v, is_causal=True), (q, k, v), dy)
    return step


def main():
    s = json.loads(sys.argv[1])
    torch.manual_seed(0)
    if s["threads"] > 0:
        torch.set_num_threads(s["threads"])
    if s["flush"]:
        torch.set_flush_denormal(True)
    Linear.onednn = s["linear"] == "onednn"
    make = {"train": trainer, "decode": decoder, "prefill": decoder, "attention": attention}[s["kind"]]
    step = make(s)
    for _ in range(s["warmup"]):
        step()
    print("ready", flush=True)
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            step()
            times.append(1e3 * (time.perf_counter() - start))
        gpu = s.get("device") == "cuda"
        rss = torch.cuda.max_memory_allocated() / 2**20 if gpu else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"ms": times, "peak_rss_mb": rss}), flush=True)


main()
