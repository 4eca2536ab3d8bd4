"""A model, an optimizer and a checkpoint with nanoGPT's names and habits, written anew, for the programs beside it.

What matters is what ends up in ckpt.pt: the names of the modules, the order of the parameters in the optimizer's two
groups, and which settings stand where.
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class LayerNorm(nn.Module):
    """Layer norm that may go without a bias."""

    def __init__(self, C, bias):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(C))
        self.bias = nn.Parameter(torch.zeros(C)) if bias else None

    def forward(self, x):
        return F.layer_norm(x, self.weight.shape, self.weight, self.bias, 1e-5)


class Attention(nn.Module):
    def __init__(self, C, H, bias, buffer):
        super().__init__()
        self.H = H
        self.c_attn = nn.Linear(C, 3 * C, bias=bias)
        self.c_proj = nn.Linear(C, C, bias=bias)
        if buffer:   # as it was before PyTorch had an attention of its own
            self.register_buffer("bias", torch.tril(torch.ones(buffer, buffer)).view(1, 1, buffer, buffer))

    def forward(self, x):
        B, T, C = x.shape
        q, k, v = (part.view(B, T, self.H, C // self.H).transpose(1, 2) for part in self.c_attn(x).split(C, dim=2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)   # (B,H,T,D)
        return self.c_proj(y.transpose(1, 2).reshape(B, T, C))


class MLP(nn.Module):
    def __init__(self, C, bias):
        super().__init__()
        self.c_fc = nn.Linear(C, 4 * C, bias=bias)
        self.c_proj = nn.Linear(4 * C, C, bias=bias)

    def forward(self, x):
        return self.c_proj(F.gelu(self.c_fc(x)))


class Block(nn.Module):
    def __init__(self, C, H, bias, buffer):
        super().__init__()
        self.ln_1, self.attn = LayerNorm(C, bias), Attention(C, H, bias, buffer)
        self.ln_2, self.mlp = LayerNorm(C, bias), MLP(C, bias)

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class GPT(nn.Module):
    def __init__(self, n_layer, n_head, n_embd, block_size, bias, vocab_size, dropout=0.0, buffers=False):
        super().__init__()
        self.args = dict(n_layer=n_layer, n_head=n_head, n_embd=n_embd, block_size=block_size, bias=bias,
                         vocab_size=vocab_size, dropout=dropout)
        buffer = block_size if buffers else 0
        self.transformer = nn.ModuleDict(dict(
            wte=nn.Embedding(vocab_size, n_embd), wpe=nn.Embedding(block_size, n_embd),
            h=nn.ModuleList(Block(n_embd, n_head, bias, buffer) for _ in range(n_layer)),
            ln_f=LayerNorm(n_embd, bias)))
        self.lm_head = nn.Linear(n_embd, vocab_size, bias=False)
        self.transformer.wte.weight = self.lm_head.weight

    def forward(self, ids):   # (B,T) -> (B,T,V)
        x = self.transformer.wte(ids) + self.transformer.wpe.weight[: ids.shape[1]]
        for block in self.transformer.h:
            x = block(x)
        return self.lm_head(self.transformer.ln_f(x))


def scramble(model, seed):
    """Random numbers everywhere, so that no bias and no norm can be mistaken for another."""
    dice = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(torch.randn(p.shape, generator=dice) * 0.1 + (1.0 if p.dim() == 1 and "weight" in name else 0.0))
    return model


def optimizer_for(model, config):
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [{"params": [p for p in parameters if p.dim() >= 2], "weight_decay": config["weight_decay"]},
              {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=config["learning_rate"], betas=(config["beta1"], config["beta2"]))


def learning_rate(config, step):
    """A linear warm-up, then half a cosine."""
    if step < config["warmup_iters"]:
        return config["learning_rate"] * (step + 1) / (config["warmup_iters"] + 1)
    if step > config["lr_decay_iters"]:
        return config["min_lr"]
    done = (step - config["warmup_iters"]) / (config["lr_decay_iters"] - config["warmup_iters"])
    return config["min_lr"] + 0.5 * (1 + math.cos(math.pi * done)) * (config["learning_rate"] - config["min_lr"])


def train(model, optimizer, config, ids, targets, first, count):
    """The losses of steps first .. first + count - 1, each on the same batch."""
    losses = []
    for step in range(first, first + count):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(config, step)
        loss = F.cross_entropy(model(ids).flatten(0, 1), targets.flatten())
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), config["grad_clip"])
        optimizer.step()
        losses.append(loss.item())
    return losses


def checkpoint(model, optimizer, config, step, prefix=""):
    state = {prefix + name: value for name, value in model.state_dict().items()}
    return {"model": state, "optimizer": optimizer.state_dict(), "model_args": model.args, "iter_num": step,
            "best_val_loss": torch.tensor(2.5), "config": config}


def from_checkpoint(loaded):
    """As --init_from=resume does it."""
    model = GPT(**loaded["model_args"])
    state = {name.removeprefix("_orig_mod."): value for name, value in loaded["model"].items()}
    model.load_state_dict(state)
    return model


class Head(nn.Module):
    """One head of the post-norm model: matrices of its own, and the triangle that hides the future."""

    def __init__(self, C, D, T, bias):
        super().__init__()
        self.key, self.query, self.value = (nn.Linear(C, D, bias=bias) for _ in range(3))
        self.register_buffer("tril", torch.tril(torch.ones(T, T)))

    def forward(self, x):
        T = x.shape[1]
        q, k, v = self.query(x), self.key(x), self.value(x)
        scores = q @ k.transpose(1, 2) / math.sqrt(k.shape[-1])
        return F.softmax(scores.masked_fill(self.tril[:T, :T] == 0, float("-inf")), dim=-1) @ v


class MultiHead(nn.Module):
    def __init__(self, C, H, T, bias):
        super().__init__()
        self.heads = nn.ModuleList(Head(C, C // H, T, bias) for _ in range(H))
        self.w_o = nn.Linear(C, C)

    def forward(self, x):
        return self.w_o(torch.cat([head(x) for head in self.heads], dim=-1))


class FeedForward(nn.Module):
    def __init__(self, C):
        super().__init__()
        self.ffn = nn.Sequential(nn.Linear(C, 4 * C), nn.ReLU(), nn.Linear(4 * C, C))

    def forward(self, x):
        return self.ffn(x)


class PostNormBlock(nn.Module):
    def __init__(self, C, H, T, bias):
        super().__init__()
        self.mh, self.ff = MultiHead(C, H, T, bias), FeedForward(C)
        self.ln1, self.ln2 = nn.LayerNorm(C), nn.LayerNorm(C)

    def forward(self, x):
        x = self.ln1(x + self.mh(x))
        return self.ln2(x + self.ff(x))


class PostNorm(nn.Module):
    def __init__(self, n_layer, n_head, n_embd, block_size, vocab_size, bias=False):
        super().__init__()
        self.token_embeddings = nn.Embedding(vocab_size, n_embd)
        self.positional_embeddings = nn.Embedding(block_size, n_embd)
        self.blocks = nn.Sequential(*(PostNormBlock(n_embd, n_head, block_size, bias) for _ in range(n_layer)))
        self.lnorm = nn.LayerNorm(n_embd)
        self.final_layer = nn.Linear(n_embd, vocab_size)

    def forward(self, ids):
        x = self.token_embeddings(ids) + self.positional_embeddings.weight[: ids.shape[1]]
        return self.final_layer(self.lnorm(self.blocks(x)))
