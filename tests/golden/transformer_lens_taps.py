"""Writes transformer_lens_taps.txt: what TransformerLens sees at each of its hooks, in double.

Run with TransformerLens 2.18 (the last line with HookedTransformer) and PyTorch 2.13 installed:
    python3 tests/golden/transformer_lens_taps.py
Only this script may write the file.

The model is not processed: nothing is folded into the weights, nothing centred. Weights and ids are drawn as drawn.py
says, the config is that of torch_gpt.py. A score that is masked is -inf there and here; it is written as 0.
"""
import pathlib
from importlib.metadata import version

import numpy as np
import torch
from transformer_lens import HookedTransformer, HookedTransformerConfig

from drawn import Golden
from torch_gpt import Config, bare, batch, draw_weights, induction, modern, settings

ACTIVATIONS = {"gelu": "gelu_new", "gelu_erf": "gelu", "relu": "relu", "swiglu": "silu"}


def hooked(c):
    """An empty HookedTransformer for a config of ours."""
    model = HookedTransformerConfig(
        n_layers=c.n_layer, d_model=c.n_embd, n_ctx=c.block_size, d_vocab=c.vocab_size, eps=c.norm_eps,
        normalization_type={"none": None, "pre": "LN" if c.norm_type == "layernorm" else "RMS"}[c.norm],
        n_heads=c.n_head, d_head=c.head_size, n_key_value_heads=c.n_kv_head or None, use_attn_result=True,
        positional_embedding_type={"learned": "standard", "rope": "rotary"}[c.pos],
        rotary_dim=c.head_size if c.pos == "rope" else None,
        use_local_attn=c.window > 0, window_size=c.window or None,
        attn_types=["local"] * c.n_layer if c.window else None,
        attn_only=c.act == "none", d_mlp=None if c.act == "none" else c.n_inner or 4 * c.n_embd,
        act_fn=ACTIVATIONS.get(c.act), gated_mlp=c.act == "swiglu", use_hook_mlp_in=c.act != "none",
        dtype=torch.float64, device="cpu", seed=0)
    return HookedTransformer(model)


def fill(model, c, p):
    """Our weights in its places. Ours are (out, in), with q, k, v below each other; its are (heads, in, out)."""
    C, D, H, Hk = c.n_embd, c.head_size, c.n_head, c.kv_heads
    state = {name: torch.zeros_like(x) if name.split(".")[-1].lstrip("_").startswith("b_") else x
             for name, x in model.state_dict().items()}

    def put(name, x):
        assert state[name].shape == x.shape, (name, state[name].shape, x.shape)
        state[name] = x

    def put_norm(its, ours):
        if its + ".w" in state:
            put(its + ".w", p[ours + ".weight"])
        if its + ".b" in state:
            put(its + ".b", p.get(ours + ".bias", torch.zeros(C)))

    put("embed.W_E", p["transformer.wte.weight"])
    put("unembed.W_U", p["transformer.wte.weight" if c.tie else "lm_head.weight"].T)
    if c.pos == "learned":
        put("pos_embed.W_pos", p["transformer.wpe.weight"])
    put_norm("ln_final", "transformer.ln_f")
    for i in range(c.n_layer):
        its, ours, few = f"blocks.{i}.", f"transformer.h.{i}.", "_" if c.n_kv_head else ""
        put_norm(its + "ln1", ours + "ln_1")
        weights = p[ours + "attn.c_attn.weight"].split([C, Hk * D, Hk * D])
        biases = p[ours + "attn.c_attn.bias"].split([C, Hk * D, Hk * D]) if c.bias_qkv else None
        for n, (which, heads) in enumerate([("Q", H), (few + "K", Hk), (few + "V", Hk)]):
            prefix = its + "attn." + which[:-1]
            put(prefix + "W_" + which[-1], weights[n].view(heads, D, C).transpose(1, 2))
            if biases:
                put(prefix + "b_" + which[-1], biases[n].view(heads, D))
        put(its + "attn.W_O", p[ours + "attn.c_proj.weight"].T.reshape(H, D, C))
        if c.bias_out:
            put(its + "attn.b_O", p[ours + "attn.c_proj.bias"])
        if c.act == "none":
            continue
        put_norm(its + "ln2", ours + "ln_2")
        put(its + "mlp.W_in", p[ours + "mlp.c_fc.weight"].T)
        put(its + "mlp.W_out", p[ours + "mlp.c_proj.weight"].T)
        if c.act == "swiglu":
            put(its + "mlp.W_gate", p[ours + "mlp.c_gate.weight"].T)
        if c.bias_out:
            put(its + "mlp.b_in", p[ours + "mlp.c_fc.bias"])
            put(its + "mlp.b_out", p[ours + "mlp.c_proj.bias"])
    model.load_state_dict(state)


def write_case(golden, name, c, B):
    golden.case(name, B=B, **settings(c))
    model = hooked(c)
    fill(model, c, draw_weights(c))
    ids, _ = batch(c, B, 0, False)
    logits, cache = model.run_with_cache(ids)
    taps = {**cache, "logits": logits}
    if not c.n_kv_head:   # what each head reads; seeing it makes the norms fire once a head, so it is a run of its own
        model.set_use_split_qkv_input(True)
        taps.update({hook: x for hook, x in model.run_with_cache(ids)[1].items() if hook.endswith("_input")})
    for hook, x in taps.items():
        golden.tensor("tap", hook, np.where(np.isneginf(x.numpy()), 0, x.numpy()))


CASES = [
    ("gpt2", Config(29, 11, 2, 3, 24), 2),
    ("char", Config(29, 11, 1, 3, 24, act="gelu_erf", **bare), 2),
    ("induction", Config(33, 12, 2, 2, 28, **induction), 2),
    ("modern", Config(31, 13, 2, 4, 32, n_inner=44, **modern), 2),
]

if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    golden = Golden()
    for case in CASES:
        write_case(golden, *case)
    golden.save(pathlib.Path(__file__).with_suffix(".txt"), f"TransformerLens {version('transformer_lens')}, "
                f"PyTorch {torch.__version__}, double, written by transformer_lens_taps.py")
