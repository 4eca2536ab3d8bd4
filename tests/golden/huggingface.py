#!/usr/bin/env python3
"""Logits of small GPT-2s as Hugging Face's transformers computes them, in double:  python3 tests/golden/huggingface.py

Their weights are drawn (drawn.py) under the names and in the shapes that transformers has, so a test can put the same
folder together without Python. Settings are the keys of config.json. Needs torch and transformers.
"""
import pathlib

import torch
import transformers
from drawn import Golden, below, weight

SIZES = ("vocab_size", "n_positions", "n_layer", "n_head", "n_embd")
CASES = [   # sizes, each one that trips over a wrong axis; then what differs from GPT-2
    ("gpt2", (11, 6, 1, 2, 8), dict(activation_function="gelu_new")),
    ("own_head", (13, 5, 2, 3, 12), dict(activation_function="gelu", n_inner=20, layer_norm_epsilon=0.001,
                                         tie_word_embeddings=False)),
    ("raw_scores", (7, 9, 1, 1, 5), dict(activation_function="relu", scale_attn_weights=False)),
    ("fast_gelu", (11, 6, 1, 4, 8), dict(activation_function="gelu_fast")),
]


def as_json(value):
    return str(value).lower() if isinstance(value, bool) else value


if __name__ == "__main__":
    torch.set_num_threads(1)
    golden = Golden()
    for name, sizes, rest in CASES:
        settings = {**dict(zip(SIZES, sizes)), **rest}
        config = transformers.GPT2Config(**settings, bos_token_id=None, eos_token_id=None)
        model = transformers.GPT2LMHeadModel(config).double().eval()
        with torch.no_grad():
            for weight_name, x in model.named_parameters():
                x.copy_(torch.tensor(weight(weight_name, tuple(x.shape))))
            ids = below("tokens", (1, settings["n_positions"]), settings["vocab_size"])
            logits = model(torch.tensor(ids)).logits[0]
        golden.case(name, **{key: as_json(value) for key, value in settings.items()})
        golden.tensor("logits", "logits", logits)
    golden.save(pathlib.Path(__file__).with_suffix(".txt"),
                f"transformers {transformers.__version__}, double, written by huggingface.py")
