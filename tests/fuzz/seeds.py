#!/usr/bin/env python3
"""Makes the first inputs of every fuzz target:  python3 tests/fuzz/seeds.py FOLDER

One function a target, of its name, that yields (name of the seed, bytes). A seed whose name begins with "good" must be
accepted by the reader, one with "bad" refused (tests/fuzz/replay holds them to it). Small ones: a fuzzer changes one
byte at a time. Only Python's own library, so that they can be made everywhere; the same bytes every time.
"""
import base64
import io
import json as json_module
import math
import pathlib
import pickle
import struct
import sys
import zipfile


def as_json(value):
    return json_module.dumps(value).encode()


def json():
    yield "good-object", b'{"a": [1, -2.5e3, true, false, null, "x\\u00e9\\n"], "b": {"c": {}}}'
    yield "good-text", '"\\ud83d\\ude00 \u20ac \\"\\\\\\/\\b\\f\\n\\r\\t"'.encode()
    yield "good-number", b"-0.1E+10"
    yield "good-nested", b"[" * 20 + b"]" * 20
    yield "bad-deep", b"[" * 200
    yield "bad-twice", b'{"a": 1, "a": 2}'
    yield "bad-half-a-pair", b'"\\ud800"'
    yield "bad-behind", b"{} x"


def http_request():
    host = b"Host: localhost:8080\r\n"
    post = b"POST /api/forward HTTP/1.1\r\n" + host + b"Content-Type: application/json\r\n"
    yield "good-get", b"GET / HTTP/1.1\r\n" + host + b"\r\n"
    yield "good-address", b"GET /api/param/wte%2Fx?rows=0,4&q=a+b%20%c3%a9&empty HTTP/1.1\r\n" + host + b"\r\n"
    yield "good-post", post + b"Content-Length: 13\r\nConnection: close\r\n\r\n{\"prompt\":\"\"}"
    yield "good-pipelined", b"HEAD /a HTTP/1.1\r\n" + host + b"\r\n" + post + b"Content-Length: 2\r\n\r\n{}" + \
        b"GET /b HTTP/1.0\r\n" + host + b"X-Empty:\r\n\r\n"
    yield "good-continue", post + b"Expect: 100-continue\r\nContent-Length: 0\r\n\r\n"
    yield "bad-half", post + b"Content-Length: 3\r\n\r\n{}"
    yield "bad-lengths", post + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}"
    yield "bad-chunks", post + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    yield "bad-fold", b"GET / HTTP/1.1\r\n" + host + b" folded\r\n\r\n"
    yield "bad-lf", b"GET / HTTP/1.1\nHost: a\n\n"
    yield "bad-version", b"GET / HTTP/2.0\r\n\r\n"
    yield "bad-percent", b"GET /%00 HTTP/1.1\r\n" + host + b"\r\n"


def safetensors_file(header, data=b""):
    text = as_json(header)
    return struct.pack("<Q", len(text)) + text + data


def safetensors():
    entry = {"dtype": "F32", "shape": [2, 3], "data_offsets": [8, 32]}
    yield "good-two", safetensors_file({"__metadata__": {"format": "pt"}, "a": entry,
                                        "b": {"dtype": "I64", "shape": [], "data_offsets": [0, 8]}}, bytes(32))
    yield "good-empty", safetensors_file({})
    yield "good-types", safetensors_file({name: {"dtype": name, "shape": [0], "data_offsets": [0, 0]}
                                          for name in ["BOOL", "U8", "F16", "BF16", "F64", "I32"]})
    yield "bad-hole", safetensors_file({"a": entry}, bytes(32))
    yield "bad-length", struct.pack("<Q", 2 ** 63) + b"{}"


def huggingface_config():
    gpt2 = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}
    yield "good-defaults", as_json(gpt2)
    yield "good-all", as_json({**gpt2, "vocab_size": 5, "n_positions": 4, "n_ctx": 3, "n_embd": 6, "n_layer": 1,
                               "n_head": 3, "n_inner": 7, "activation_function": "relu", "layer_norm_epsilon": 1e-6,
                               "initializer_range": 0.5, "attn_pdrop": 0.0, "embd_pdrop": 0.25, "resid_pdrop": 0.5,
                               "scale_attn_weights": False, "tie_word_embeddings": False})
    yield "good-other-names", as_json({**gpt2, "hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1,
                                       "max_position_embeddings": 4, "activation_function": "gelu", "n_inner": None})
    yield "bad-other-model", as_json({"model_type": "llama"})
    yield "bad-heads", as_json({**gpt2, "n_embd": 7, "n_head": 2})
    yield "bad-scale", as_json({**gpt2, "scale_attn_by_inverse_layer_idx": True})


def huggingface_index():
    yield "good-two", as_json({"metadata": {"total_size": 8}, "weight_map": {"a": "1.safetensors", "b": "2.safetensors"}})
    yield "bad-above", as_json({"weight_map": {"a": "../1.safetensors"}})
    yield "bad-empty", as_json({"weight_map": {}})
    yield "bad-no-map", b"{}"


MASK = 2 ** 64 - 1
P1, P2, P3, P4, P5 = (11400714785074694791, 14029467366897019727, 1609587929392839161, 9650029242287828579,
                      2870177450012600261)


def xxh64(data):
    """The digest of our checkpoints (engine/base/hash.h)."""
    def turn(x, bits):
        return (x << bits | x >> 64 - bits) & MASK

    def step(lane, word):
        return turn((lane + word * P2) & MASK, 31) * P1 & MASK

    at, digest = 0, P5
    if len(data) >= 32:
        lanes = [P1 + P2 & MASK, P2, 0, -P1 & MASK]
        while at + 32 <= len(data):
            lanes = [step(lane, word) for lane, word in zip(lanes, struct.unpack_from("<4Q", data, at))]
            at += 32
        digest = sum(turn(lane, bits) for lane, bits in zip(lanes, (1, 7, 12, 18))) & MASK
        for lane in lanes:
            digest = ((digest ^ step(0, lane)) * P1 + P4) & MASK
    digest = digest + len(data) & MASK
    while at + 8 <= len(data):
        digest = (turn(digest ^ step(0, *struct.unpack_from("<Q", data, at)), 27) * P1 + P4) & MASK
        at += 8
    if at + 4 <= len(data):
        digest = (turn(digest ^ struct.unpack_from("<I", data, at)[0] * P1 & MASK, 23) * P2 + P3) & MASK
        at += 4
    for byte in data[at:]:
        digest = turn(digest ^ byte * P5 & MASK, 11) * P1 & MASK
    for bits, factor in ((33, P2), (29, P3)):
        digest = (digest ^ digest >> bits) * factor & MASK
    return digest ^ digest >> 32


def checkpoint_file(tensors, notes, dtype="F32"):
    """tensors: {name: (shape, bytes)}, in the order of their names."""
    header = {"__metadata__": {**notes, "glass.digest": "xxh64:" + "0" * 16, "glass.digest.tensors":
                               " ".join(f"{xxh64(data):016x}" for _, data in tensors.values())}}
    at = 0
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    whole = safetensors_file(header, b"".join(data for _, data in tensors.values()))
    return whole.replace(b"xxh64:" + b"0" * 16, b"xxh64:%016x" % xxh64(whole))


def checkpoint():
    config = {"vocab_size": 3, "block_size": 4, "n_layer": 1, "n_head": 2, "n_embd": 4}
    notes = {"glass.config": json_module.dumps(config), "glass.step": "7"}
    letters = json_module.dumps({"type": "char", "letters": "abc"})
    good = checkpoint_file({"a": ([2, 2], bytes(16)), "b": ([], struct.pack("<f", 1.5))}, notes)
    yield "good-two", good
    yield "good-tokenizer", checkpoint_file({}, {**notes, "glass.tokenizer": letters})
    yield "damaged", good[:-1] + b"x"     # accepted where fuzzing accepts any digest
    yield "bad-no-config", checkpoint_file({}, {"glass.step": "7"})


def kept_file(kind, tensors, notes):
    """What an analysis keeps beside a model (interp/kept_file.h). tensors: {name: (shape, numbers)}, all F64."""
    notes = {"glass.kind": kind, "glass.kind.version": "2", "glass.of.model": "0123456789abcdef",
             "glass.of.tokenizer": "", **notes}
    packed = {name: (shape, struct.pack(f"<{len(numbers)}d", *numbers)) for name, (shape, numbers) in sorted(tensors.items())}
    return checkpoint_file(packed, notes, "F64")


def scan_of(units, **other):
    """Of so many units, over a text of eight tokens in windows of four."""
    stats = [0.5, 0.25, -1, 2, -1, 2, 5, 0.75]
    return {"stats": ([units, 8], stats * units), "histogram": ([units, 64], ([0] * 60 + [2] * 4) * units),
            "top": ([units, 1, 2], [2, 5] * units), "bottom": ([units, 1, 2], [-1, 3] * units),
            "tokens": ([units, 1, 3], [1, 0.5, 4] * units), "text": ([8], [0, 1, 2, 0, 1, 1, 2, 2]), **other}


def neurons():
    notes = {"glass.layers": "2", "glass.neurons": "3", "glass.window": "4", "glass.source": "a text"}

    def made(changed={}, **other):
        return kept_file("neurons", scan_of(6, **other), {**notes, **changed})
    good = made()
    yield "good-scan", good
    yield "good-no-lists", made(top=([6, 0, 2], []), bottom=([6, 0, 2], []), tokens=([6, 0, 3], []))
    yield "damaged", good[:-1] + b"x"     # accepted where fuzzing accepts any digest
    yield "bad-kind", made({"glass.kind": "tuned lens"})
    yield "bad-model", made({"glass.of.model": "0123456789abcdee"})
    yield "bad-window", made({"glass.window": "8"})     # the model reads four tokens
    yield "bad-no-window", made({"glass.window": "0"})
    yield "bad-token", made(text=([8], [0, 1, 2, 0, 1, 1, 2, 3]))
    yield "bad-half-a-token", made(text=([8], [0, 1, 2, 0, 1, 1, 2, 0.5]))
    yield "bad-place", made(top=([6, 1, 2], [2, 8] * 6))
    yield "bad-moment", made(top=([6, 1, 2], [math.nan, 5] * 6))
    yield "bad-label", made(tokens=([6, 1, 3], [-2.0 ** 40, 0.5, 4] * 6))
    yield "bad-count", made(stats=([6, 8], [0.5, 0.25, -1, 2, -1, 2, math.nan, 0.75] * 6))
    yield "bad-histogram", made(histogram=([6, 64], [1e300] * 384))
    yield "bad-range", made(stats=([6, 8], [0.5, 0.25, -1, 2, -math.inf, 2, 5, 0.75] * 6))
    yield "bad-size", made(histogram=([6, 63], [0] * 378))


def sae():
    metrics = ["l0", "explained_variance", "ce_clean", "ce_sae", "ce_zero", "ce_recovered", "kl", "kl_zero", "dead"]
    notes = {"glass.place": "blocks.0.hook_resid_post", "glass.k": "2", "glass.steps": "10", "glass.tokens": "80",
             "glass.window": "4", "glass.source": "a text", "glass.metrics": json_module.dumps({m: 0.5 for m in metrics})}
    weights = {"W_dec": ([3, 2], [1, 0, 0, 1, -1, 0]), "W_enc": ([2, 3], [1, 0, -1, 0, 1, 0]), "b_dec": ([2], [0, 0]),
               "b_enc": ([3], [0, 0, 0])}

    def made(changed={}, **other):
        return kept_file("sparse autoencoder", {**scan_of(3), **weights, **other}, {**notes, **changed})
    yield "good-features", made()
    yield "good-no-lists", made(top=([3, 0, 2], []), bottom=([3, 0, 2], []), tokens=([3, 0, 3], []))
    yield "bad-k", made({"glass.k": "0"})
    yield "bad-k-below", made({"glass.k": "-1"})
    yield "bad-k-above", made({"glass.k": "4"})
    yield "bad-k-words", made({"glass.k": "2x"})
    yield "bad-place", made({"glass.place": "blocks.*.hook_resid_post"})
    yield "bad-no-place", made({"glass.place": "blocks.2.hook_resid_post"})
    yield "bad-wide", made({"glass.place": "blocks.0.mlp.hook_post"})
    yield "bad-window", made({"glass.window": "8"})
    yield "bad-number", made(W_enc=([2, 3], [math.nan, 0, -1, 0, 1, 0]))
    yield "bad-shape", made(W_enc=([3, 2], [1, 0, -1, 0, 1, 0]))
    yield "bad-metrics", made({"glass.metrics": "[]"})


def tuned_lens():
    place = "blocks.0.hook_resid_post"

    def made(name=place, weight=(0, 1, 0, 0), **changed):
        return kept_file("tuned lens", {f"{name}.weight": ([2, 2], weight), f"{name}.bias": ([2], [0.5, 0]),
                                        f"{name}.kl": ([2], [0.1, 0.2])}, changed)
    yield "good-one", made()
    yield "good-none", kept_file("tuned lens", {}, {})
    yield "bad-number", made(weight=(0, math.inf, 0, 0))
    yield "bad-shape", kept_file("tuned lens", {f"{place}.weight": ([4], [0] * 4)}, {})
    yield "bad-half", kept_file("tuned lens", {f"{place}.weight": ([2, 2], [0] * 4)}, {})


def npy_file(header, data, version=1):
    text = header.encode()
    text += b" " * (-(len(text) + 1 + 10) % 64) + b"\n"
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(text)) + text + data


def npy():
    yield "good-matrix", npy_file("{'descr': '<i4', 'fortran_order': False, 'shape': (2, 3), }", bytes(24))
    yield "good-number", npy_file("{'descr': '<i8', 'fortran_order': False, 'shape': (), }", bytes(8))
    yield "good-bytes", npy_file("{'descr': '|u1', 'fortran_order': False, 'shape': (4,), }", b"abcd")
    yield "bad-columns", npy_file("{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3), }", bytes(24))
    yield "bad-shape", npy_file("{'descr': '<i4', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", bytes(8))


def gguf_text(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()


def gguf_key(name, value):
    """A text, an integer (u32), a float (f32), or a list of one of them."""
    def packed(x):
        return {str: lambda: gguf_text(x), int: lambda: struct.pack("<I", x), float: lambda: struct.pack("<f", x)}[type(x)]()

    types = {str: 8, int: 4, float: 6, list: 9}
    head = gguf_text(name) + struct.pack("<I", types[type(value)])
    if isinstance(value, list):
        item = types[type(value[0])] if value else 8
        return head + struct.pack("<IQ", item, len(value)) + b"".join(map(packed, value))
    return head + packed(value)


def gguf_file(keys, tensors, alignment=32):
    """tensors: {name: (type, shape from the fastest axis on, bytes)}."""
    header, data = b"", b""
    for name, (kind, shape, content) in tensors.items():
        header += gguf_text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, len(data))
        data += content + bytes(-len(content) % alignment)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys))
    head += b"".join(gguf_key(name, value) for name, value in keys.items()) + header
    return head + bytes(-len(head) % alignment) + data


def gguf():
    tensors = {"a": (0, [4], bytes(16)), "b": (1, [3, 2], bytes(12)), "c": (8, [32, 1], bytes(34)), "d": (30, [], bytes(2))}
    yield "good-types", gguf_file({"general.architecture": "any", "list": [1, 2], "texts": ["a", ""], "f": 0.5}, tensors)
    yield "good-empty", gguf_file({}, {})
    yield "good-alignment", gguf_file({"general.alignment": 64}, {"a": (0, [4], bytes(16))}, 64)
    yield "bad-alignment", gguf_file({"general.alignment": 3}, {"a": (0, [4], bytes(16))})
    yield "bad-q4", gguf_file({}, {"a": (12, [256], bytes(144))})


def gguf_gpt2():
    C, V, T, inner = 4, 5, 3, 16
    shapes = {"token_embd.weight": [C, V], "position_embd.weight": [C, T], "output_norm.weight": [C], "output_norm.bias": [C]}
    for name, (rows, columns) in {"attn_norm": (C, 0), "attn_qkv": (3 * C, C), "attn_output": (C, C), "ffn_norm": (C, 0),
                                  "ffn_up": (inner, C), "ffn_down": (C, inner)}.items():
        shapes[f"blk.0.{name}.weight"] = [columns, rows] if columns else [rows]
        shapes[f"blk.0.{name}.bias"] = [rows]
    tensors = {}
    for name, shape in shapes.items():
        count = shape[0] * (shape + [1])[1]
        tensors[name] = (0, shape, struct.pack(f"<{count}f", *(i / 8 for i in range(count))))
    keys = {"general.architecture": "gpt2", "gpt2.block_count": 1, "gpt2.context_length": T, "gpt2.embedding_length": C,
            "gpt2.feed_forward_length": inner, "gpt2.attention.head_count": 2, "gpt2.attention.layer_norm_epsilon": 1e-5}
    words = {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.pre": "gpt-2", "tokenizer.ggml.tokens": ["a", "b", "ab", "\u0120", "<|endoftext|>"],
             "tokenizer.ggml.token_type": [1, 1, 1, 1, 3], "tokenizer.ggml.merges": ["a b"], "tokenizer.ggml.eos_token_id": 4}
    yield "good-plain", gguf_file(keys, tensors)
    yield "tokens", gguf_file({**keys, **words}, tensors)
    yield "bad-architecture", gguf_file({**keys, "general.architecture": "llama"}, tensors)
    yield "bad-heads", gguf_file({**keys, "gpt2.attention.head_count": 3}, tensors)


def llmc_header(*numbers):
    return struct.pack("<256i", *numbers, *[0] * (256 - len(numbers)))


def llmc_parameters(padded, T, L, C):
    return padded * C + T * C + L * (12 * C * C + 13 * C) + 2 * C


def llmc_model():
    count = llmc_parameters(4, 2, 1, 2)
    yield "good-f32", llmc_header(20240326, 3, 2, 3, 1, 1, 2, 4) + struct.pack(f"<{count}f", *range(count))
    yield "good-bf16", llmc_header(20240326, 5, 2, 3, 1, 1, 2, 4) + bytes(2 * count)
    yield "bad-short", llmc_header(20240326, 3, 2, 3, 1, 1, 2, 4) + bytes(4 * count - 1)
    yield "bad-sizes", llmc_header(20240326, 3, *[2 ** 31 - 1] * 6)


def llmc_state():
    count = llmc_parameters(4, 2, 1, 2)
    debug = struct.pack("<4i", 0, 2, 2, 1) + struct.pack("<7f", *range(7)) + bytes(4 * count)
    yield "good-debug", llmc_header(20240327, 2, 1, 2) + debug
    state = [20240527, 1, 1, 0, 0, 0, 0, 0, 0, 0, 100]
    yield "good-state", llmc_header(*state) + bytes(8 * count)
    state[4] = state[5] = 1
    yield "good-masters", llmc_header(*state) + bytes(12 * count) + b"order"
    yield "bad-pieces", llmc_header(20240527, 1, 8) + bytes(8 * count)


def llmc_tokenizer():
    def listed(tokens):
        return b"".join(bytes([len(token)]) + token for token in tokens)

    single = [bytes([i]) for i in range(256)]
    ranks = single + [b"th", b"the", b"<|endoftext|>"]
    yield "good-ranks", llmc_header(20240328, 2, len(ranks), len(ranks) - 1) + listed(ranks)
    yield "good-letters", llmc_header(20240328, 2, 3, -1) + listed([b"a", b"\n", "\u00e9".encode()])
    yield "good-bytes", llmc_header(20240328, 2, 256, -1) + listed(single)
    yield "bad-twice", llmc_header(20240328, 2, 2, -1) + listed([b"a", b"a"])


def tokens():
    yield "good-raw", struct.pack("<4H", 1, 2, 50256, 0)
    yield "good-shard", llmc_header(20240520, 1, 3) + struct.pack("<3H", 1, 2, 3)
    yield "good-wide", llmc_header(20240801, 7, 2) + struct.pack("<2I", 1, 50000)
    yield "bad-large", struct.pack("<2H", 1, 50257)
    yield "bad-short", llmc_header(20240520, 1, 3) + struct.pack("<2H", 1, 2)
    yield "bad-cut", llmc_header(20240520, 1, 3)[:100]


def rank_file():
    tokens = [bytes([b]) for b in range(256)] + [b"aa", b"aaa", b" a", b"\r\n", "\u00e9".encode()]
    lines = [base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(tokens)]
    yield "good-bytes", b"".join(lines)
    yield "good-turned", b"\r\n".join(line.strip() for line in reversed(lines))
    yield "bad-short", b"".join(lines[1:])
    yield "bad-twice", b"".join(lines) + lines[0]
    yield "bad-rank", b"".join(lines[:-1]) + b"enp6 99999999999\n"
    yield "bad-base64", b"".join(lines[:-1]) + b"enp6= 260\n"


def tokenizer_json():
    def letter(byte):
        visible = [b for b in range(256) if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174]
        return chr(byte if byte in visible else 256 + [b for b in range(256) if b not in visible].index(byte))

    vocab = {letter(byte): byte for byte in range(256)}
    more = {**vocab, "he": 256, "\u0120he": 257, "<|endoftext|>": 258}
    level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    model = {"type": "BPE", "dropout": None, "unk_token": None, "vocab": more, "merges": ["h e", ["\u0120", "he"]]}
    added = [{"id": 258, "content": "<|endoftext|>", "single_word": False, "lstrip": False, "rstrip": False,
              "normalized": False, "special": True}]
    whole = {"version": "1.0", "added_tokens": added, "normalizer": None, "pre_tokenizer": level,
             "post_processor": level, "decoder": level, "model": model}
    letters = {chr(c): i for i, c in enumerate(range(10, 127))}
    yield "good-huggingface", as_json(whole)
    yield "good-letters", as_json({"model": {"vocab": letters, "merges": []}, "pre_tokenizer": None})
    yield "good-two-files", as_json(more) + b"\n#version: 0.2\nh e\n\xc4\xa0 he\n"
    yield "good-bpe", as_json({"type": "bpe", "pattern": "gpt2", "merges": [[72, 69], [221, 257]]})
    pieces = base64.b64encode(b"".join(bytes([1, b]) for b in range(256)) + b"\x02he\x00\x0d<|endoftext|>").decode()
    ours = {"type": "pieces", "name": "x", "pattern": "o200k", "vocab_size": 259, "ranks": 257,
            "special": [["<|endoftext|>", 258]], "tokens": pieces}
    yield "good-pieces", as_json(ours)
    merges = {key: value for key, value in ours.items() if key != "ranks"}
    yield "good-merges", as_json({**merges, "whole": False, "merges": base64.b64encode(b"\x68\x65\x80\x02").decode()})
    yield "bad-kept", as_json({**ours, "kept": "AAAA"})
    yield "bad-special", as_json({**ours, "special": [["<|end|>", 258]]})
    yield "bad-normalizer", as_json({**whole, "normalizer": {"type": "NFC"}})
    yield "bad-merge", as_json(vocab) + b"\nh e\n"
    yield "bad-id", as_json({**vocab, "x": 1 << 40})


def tokenizer_text():
    yield "good-english", b"The hedgehog's 12345 apples, aaaaaaa!\r\n\r\n  <|endoftext|> it'LL ==== x\n"
    yield "good-world", "\u5b57A\u5b57a e\u0301 \u017f'\u017f \u01c5x \u02b0 \U0001F994 \u00e9\u3000\u00a0".encode()
    yield "good-bytes", bytes(range(256))
    yield "good-long", b"a" * 300 + b" " * 200


def zip_file(files, compression=0):
    """{name: bytes}, dated 1980 so that the bytes are the same every time."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = compression
            archive.writestr(info, content)
    return out.getvalue()


def pickled(value):
    """Protocol 2 as PyTorch writes it, without a memo. A Tensor is rebuilt from its storage."""
    if isinstance(value, Tensor):
        return (b"ctorch._utils\n_rebuild_tensor_v2\n((" + pickled("storage") + b"ctorch\nFloatStorage\n" +
                pickled(value.storage) + pickled("cpu") + pickled(value.elements) + b"tQ" + pickled(value.offset) +
                pickled(value.shape) + pickled(value.strides) + b"\x89ccollections\nOrderedDict\n)RtR")
    if isinstance(value, dict):
        return b"}(" + b"".join(pickled(key) + pickled(item) for key, item in value.items()) + b"u"
    if isinstance(value, list):
        return b"](" + b"".join(map(pickled, value)) + b"e"
    if isinstance(value, tuple):
        return b"(" + b"".join(map(pickled, value)) + b"t"
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, float):
        return b"G" + struct.pack(">d", value)
    if isinstance(value, int):
        return b"J" + struct.pack("<i", value)
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


class Tensor:
    def __init__(self, storage, elements, shape, strides=None, offset=0):
        self.storage, self.elements, self.shape, self.offset = str(storage), elements, tuple(shape), offset
        self.strides = tuple(strides or (1 if i else (shape[1] if len(shape) > 1 else 1) for i in range(len(shape))))


def torch_file(value, storages):
    """storages: how many floats each has."""
    files = {"x/data.pkl": b"\x80\x02" + pickled(value) + b".", "x/byteorder": b"little"}
    files.update({f"x/data/{i}": bytes(4 * n) for i, n in enumerate(storages)})
    return zip_file({**files, "x/version": b"3\n"})


def torch():
    yield "good-two", torch_file({"a": Tensor(0, 6, (2, 3)), "b": Tensor(0, 6, (3, 2), (1, 3))}, [6])
    yield "good-empty", torch_file({}, [])
    yield "bad-beyond", torch_file({"a": Tensor(0, 6, (2, 3), offset=1)}, [6])
    yield "bad-system", zip_file({"x/data.pkl": b"\x80\x02cos\nsystem\n(X\x04\x00\x00\x00truetR."})
    yield "bad-deflated", zip_file({"x/data.pkl": b"\x80\x02}." + bytes(1000)}, zipfile.ZIP_DEFLATED)


def state_of(shapes):
    """{name: Tensor} for {name: shape}, each in a storage of its own; and the sizes of these."""
    sizes = [math.prod(shape) for shape in shapes.values()]
    return {name: Tensor(i, sizes[i], shape) for i, (name, shape) in enumerate(shapes.items())}, sizes


def nanogpt():
    C, V, T = 2, 3, 4
    block = "transformer.h.0."
    shapes = {"transformer.wte.weight": (V, C), "transformer.wpe.weight": (T, C), block + "ln_1.weight": (C,),
              block + "attn.c_attn.weight": (3 * C, C), block + "attn.c_proj.weight": (C, C), block + "ln_2.weight": (C,),
              block + "mlp.c_fc.weight": (4 * C, C), block + "mlp.c_proj.weight": (C, 4 * C),
              "transformer.ln_f.weight": (C,)}
    model, sizes = state_of(shapes)
    model["lm_head.weight"] = model["transformer.wte.weight"]
    args = {"n_layer": 1, "n_head": 1, "n_embd": C, "block_size": T, "bias": False, "vocab_size": V, "dropout": 0.0}
    yield "good-weights", torch_file({"model": model, "model_args": args, "iter_num": 7}, sizes)
    ordered = sorted(shapes, key=lambda name: len(shapes[name]) < 2)
    state = {i: {"step": Tensor(0, sizes[0], ()), "exp_avg": model[name], "exp_avg_sq": model[name]}
             for i, name in enumerate(ordered)}
    groups = [{"params": [i for i, name in enumerate(ordered) if (len(shapes[name]) > 1) == decays]}
              for decays in (True, False)]
    config = {"learning_rate": 1e-3, "beta2": 0.95, "batch_size": 4, "max_iters": 9, "dataset": "x", "decay_lr": True}
    yield "good-training", torch_file({"model": model, "model_args": args, "iter_num": 7, "best_val_loss": Tensor(0, sizes[0], ()),
                                       "optimizer": {"state": state, "param_groups": groups}, "config": config}, sizes)
    yield "bad-layers", torch_file({"model": model, "model_args": {**args, "n_layer": 2}, "iter_num": 7}, sizes)


def postnorm():
    C, V, T = 2, 3, 4
    shapes = {"token_embeddings.weight": (V, C), "positional_embeddings.weight": (T, C), "blocks.0.mh.heads.0.tril": (T, T),
              "blocks.0.mh.w_o.weight": (C, C), "blocks.0.mh.w_o.bias": (C,), "blocks.0.ff.ffn.0.weight": (4 * C, C),
              "blocks.0.ff.ffn.0.bias": (4 * C,), "blocks.0.ff.ffn.2.weight": (C, 4 * C), "blocks.0.ff.ffn.2.bias": (C,),
              "final_layer.weight": (V, C), "final_layer.bias": (V,)}
    shapes.update({f"blocks.0.mh.heads.0.{part}.weight": (C, C) for part in ("key", "query", "value")})
    shapes.update({f"{norm}.{part}": (C,) for norm in ("blocks.0.ln1", "blocks.0.ln2", "lnorm") for part in ("weight", "bias")})
    yield "good-one", torch_file(*state_of(shapes))
    yield "bad-rest", torch_file(*state_of({**shapes, "more": (1,)}))


def meta_pkl():
    meta = {"vocab_size": 3, "itos": {0: "a", 1: "b", 2: "\u00e9"}, "stoi": {"a": 0, "b": 1, "\u00e9": 2}}
    for protocol in (2, 4):
        yield f"good-{protocol}", pickle.dumps(meta, protocol)
    yield "bad-size", pickle.dumps({**meta, "vocab_size": 4}, 4)
    yield "bad-import", b"\x80\x04cos\nsystem\n."


def main():
    folder = pathlib.Path(sys.argv[1])
    for target in sorted(path.stem for path in pathlib.Path(__file__).parent.glob("*.cpp")):
        place = folder / target
        place.mkdir(parents=True, exist_ok=True)
        seeds = dict(globals()[target]()) if target in globals() else {}
        for old in place.iterdir():
            if old.name not in seeds:
                old.unlink()
        for name, content in seeds.items():
            (place / name).write_bytes(content)


if __name__ == "__main__":
    main()
