#!/usr/bin/env python3
"""The peer of `glass train --preset char-small`: the same model and the same training in PyTorch.

    python3 tests/peers/nanogpt_train.py tinyshakespeare.txt --seeds 1,2,3

What nanoGPT does with its README's command for a laptop: 4 layers, 4 heads, 128 channels, a context of 64 characters,
batches of 12 random windows, 2000 iterations of AdamW with a linear warm-up and half a cosine; no biases, no dropout,
gelu in its exact form, the head tied to the embedding. nanoGPT reports a mean over 20 random batches, which wobbles by
a few hundredths; here the loss at the end is the mean over the WHOLE validation split, cut into windows that do not
overlap, so that two programs can be compared to the third digit.

The settings are the fastest that PyTorch has for it (fused attention, fused AdamW, denormals flushed; --compile if a
compiler is there), because the tokens a second are compared too. Evaluation and start-up are not timed.
"""
import argparse
import json
import math
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

from nanogpt_like import LayerNorm, learning_rate


class Block(nn.Module):
    def __init__(self, args):
        super().__init__()
        C, self.H, self.dropout = args.n_embd, args.n_head, args.dropout
        self.ln_1, self.ln_2 = LayerNorm(C, args.bias), LayerNorm(C, args.bias)
        self.c_attn = nn.Linear(C, 3 * C, bias=args.bias)
        self.c_proj = nn.Linear(C, C, bias=args.bias)
        self.c_fc = nn.Linear(C, 4 * C, bias=args.bias)
        self.mlp_proj = nn.Linear(4 * C, C, bias=args.bias)

    def forward(self, x):
        B, T, C = x.shape
        drop = self.dropout if self.training else 0.0
        parts = self.c_attn(self.ln_1(x)).split(C, dim=2)
        q, k, v = (part.view(B, T, self.H, C // self.H).transpose(1, 2) for part in parts)   # (B,H,T,D) each
        y = F.scaled_dot_product_attention(q, k, v, dropout_p=drop, is_causal=True)          # (B,H,T,D)
        x = x + F.dropout(self.c_proj(y.transpose(1, 2).reshape(B, T, C)), drop)
        return x + F.dropout(self.mlp_proj(F.gelu(self.c_fc(self.ln_2(x)))), drop)


class GPT(nn.Module):
    def __init__(self, args, V):
        super().__init__()
        self.dropout = args.dropout
        self.wte = nn.Embedding(V, args.n_embd)
        self.wpe = nn.Embedding(args.block_size, args.n_embd)
        self.blocks = nn.ModuleList(Block(args) for _ in range(args.n_layer))
        self.ln_f = LayerNorm(args.n_embd, args.bias)
        for name, p in self.named_parameters():   # normal(0, 0.02); what adds to the residual stream is scaled down
            if p.dim() >= 2:
                nn.init.normal_(p, 0.0, 0.02 / math.sqrt(2 * args.n_layer) if "proj" in name else 0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(p)

    def forward(self, ids, targets):
        x = self.wte(ids) + self.wpe.weight[: ids.shape[1]]
        x = F.dropout(x, self.dropout if self.training else 0.0)
        for block in self.blocks:
            x = block(x)
        logits = F.linear(self.ln_f(x), self.wte.weight)   # the head is the embedding, read the other way round
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


def whole_loss(model, data, T, windows=256):
    """The mean loss over all windows 0..T, T..2T, ... of the data; what does not fill a window is left out."""
    model.eval()
    n = (len(data) - 1) // T
    inputs, targets = data[: n * T].view(n, T), data[1 : n * T + 1].view(n, T)
    with torch.no_grad():
        total = sum(model(inputs[i : i + windows], targets[i : i + windows]).item() * len(inputs[i : i + windows])
                    for i in range(0, n, windows))
    model.train()
    return total / n


def random_starts(n, T, B):
    """nanoGPT's batches: B windows anywhere, again and again."""
    while True:
        yield torch.randint(n - T, (B,))


def epoch_starts(n, T, B):
    """Every window once an epoch: they lie side by side, begin at a random offset, and come in a random order."""
    rest = torch.empty(0, dtype=torch.long)
    while True:
        while len(rest) < B:
            offset = int(torch.randint(T, ()))
            rest = torch.cat([rest, offset + T * torch.randperm((n - 1 - offset) // T)])
        yield rest[:B]
        rest = rest[B:]


def train(args, train_data, val_data, V, seed):
    torch.manual_seed(seed)
    model = GPT(args, V)
    step_model = torch.compile(model) if args.compile else model
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    adamw = torch.optim.AdamW([{"params": matrices, "weight_decay": args.weight_decay},
                               {"params": vectors, "weight_decay": 0.0}],
                              lr=args.learning_rate, betas=(args.beta1, args.beta2), fused=True)
    T, window = args.block_size, torch.arange(args.block_size + 1)
    starts = {"random": random_starts, "epochs": epoch_starts}[args.windows](len(train_data), T, args.batch_size)
    warm = min(20, args.max_iters // 2)   # the first steps allocate, and compile
    for step in range(args.max_iters):
        if step == warm:
            began = time.perf_counter()
        for group in adamw.param_groups:
            group["lr"] = learning_rate(vars(args), step)
        batch = train_data[next(starts)[:, None] + window]
        loss = step_model(batch[:, :-1], batch[:, 1:])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), args.grad_clip)
        adamw.step()
        adamw.zero_grad(set_to_none=True)
        if args.log_interval and step % args.log_interval == 0:
            print(f"  seed {seed} step {step} loss {loss.item():.4f}", flush=True)
    seconds = time.perf_counter() - began
    steps = args.max_iters - warm
    return {"seed": seed, "val_loss": whole_loss(model, val_data, T), "last_train_loss": loss.item(),
            "tokens_per_second": steps * args.batch_size * T / seconds, "ms_per_step": 1e3 * seconds / steps,
            "params": sum(p.numel() for p in model.parameters()) - model.wpe.weight.numel()}   # as nanoGPT counts


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text")
    parser.add_argument("--seeds", default="1,2,3")
    for name, default in [("n_layer", 4), ("n_head", 4), ("n_embd", 128), ("block_size", 64), ("batch_size", 12),
                          ("max_iters", 2000), ("warmup_iters", 100), ("lr_decay_iters", 2000), ("log_interval", 0),
                          ("threads", 0)]:
        parser.add_argument(f"--{name}", type=int, default=default)
    for name, default in [("learning_rate", 1e-3), ("min_lr", 1e-4), ("beta1", 0.9), ("beta2", 0.99),
                          ("weight_decay", 0.1), ("grad_clip", 1.0), ("dropout", 0.0)]:
        parser.add_argument(f"--{name}", type=float, default=default)
    parser.add_argument("--windows", choices=["random", "epochs"], default="random",
                        help="random: as nanoGPT; epochs: every window once before any comes again, as glass train")
    parser.add_argument("--bias", action="store_true")
    parser.add_argument("--compile", action="store_true", help="torch.compile; its first step takes a minute")
    parser.add_argument("--json", action="store_true", help="one object a run instead of the table")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.set_flush_denormal(True)

    with open(args.text, encoding="utf-8") as file:
        text = file.read()
    letters = sorted(set(text))
    number = {c: i for i, c in enumerate(letters)}
    data = torch.tensor([number[c] for c in text])
    split = int(len(data) * 0.9)
    runs = []
    if not args.json:
        print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads, {len(letters)} letters, "
              f"{split} to learn from, {len(data) - split} to judge by")
        print("seed  val loss  last batch  tokens/s  ms/step")
    for seed in map(int, args.seeds.split(",")):
        run = train(args, data[:split], data[split:], len(letters), seed)
        runs.append(run)
        print(json.dumps(run) if args.json else
              f"{seed:4d}  {run['val_loss']:8.4f}  {run['last_train_loss']:10.4f}  {run['tokens_per_second']:8.0f}  "
              f"{run['ms_per_step']:7.2f}", flush=True)
    if len(runs) > 1 and not args.json:
        losses = [run["val_loss"] for run in runs]
        print(f"mean  {statistics.mean(losses):8.4f}  (deviation {statistics.stdev(losses):.4f}, worst {max(losses):.4f})")


if __name__ == "__main__":
    main()
