#!/usr/bin/env python3
"""Writes tiktoken_ids.jsonl: texts of ours, and the ids that tiktoken gives for them.

    python3 tests/golden/tiktoken_ids.py FOLDER_WITH_RANK_FILES > tests/golden/tiktoken_ids.jsonl

Needs `pip install tiktoken` and the files that `glass data fetch r50k|cl100k|o200k` gets. Each line has a text and its
ids in gpt2, cl100k and o200k.
"""
import json
import os
import random
import sys

import tiktoken
import tiktoken.load
import tiktoken_ext.openai_public as public

FILES = {"gpt2": (public.r50k_base, ["gpt2.tiktoken", "r50k_base.tiktoken"]),
         "cl100k": (public.cl100k_base, ["cl100k_base.tiktoken"]), "o200k": (public.o200k_base, ["o200k_base.tiktoken"])}

TEXTS = [
    "", " ", "  ", "\n", "\r\n", "\t", " \n ", "\n\n\n", "a", "hedgehog", " The hedgehog", "Hello, hedgehog!  How are you?",
    "I'll say we've won; they're sure he'd, I'm not, it's Anna's.", "I'LL SAY WE'VE WON; THEY'RE SURE HE'D, IT'S ANNA'S.",
    "it\u2019s \u2018quoted\u2019 \u201ctwice\u201d", "'\u017fun's", "12345678901", "3.14159 and 1,000,000", "\u0661\u0662\u0663\u0664", "\u00bd \u00b2 \u2167",
    "CamelCase snake_case SCREAMING_CASE kebab-case", "HTTPServer XMLHttpRequest iPhone McDonald",
    "def f(x):\n    return x  # twice\n\n\nif True:\n\tpass\n", "a/b//c https://example.org/x?y=1&z=2#w\n//\n",
    "line\r\nline\r\n\r\nend \r\n  ", "tail   ", "tail \t\n", "\n  \n    \n  ", "x\u00a0y\u3000z\u2028w", "na\u00efve caf\u00e9 \u00c5ngstr\u00f6m stra\u00dfe",
    "e\u0301 cafe\u0301", "\u0416\u0438\u043b\u0438-\u0431\u044b\u043b\u0438 \u0451\u0436\u0438\u043a\u0438.", "\u0388\u03bd\u03b1\u03c2 \u03c3\u03ba\u03b1\u03bd\u03c4\u03b6\u03cc\u03c7\u03bf\u03b9\u03c1\u03bf\u03c2", "\u523a\u732c\u5728\u5403\u82f9\u679c\u3002", "\u30cf\u30ea\u30cd\u30ba\u30df\u306f\u308a\u3093\u3054\u3092\u98df\u3079\u308b\u3002",
    "\uace0\uc2b4\ub3c4\uce58\uac00 \uc0ac\uacfc\ub97c \uba39\ub294\ub2e4", "\u05e7\u05d9\u05e4\u05d5\u05d3 \u05d0\u05d5\u05db\u05dc \u05ea\u05e4\u05d5\u05d7", "\u0627\u0644\u0642\u0646\u0641\u0630 \u064a\u0623\u0643\u0644 \u062a\u0641\u0627\u062d\u0629", "\u0938\u0947\u0939\u0940 \u0938\u0947\u092c \u0916\u093e\u0924\u0940 \u0939\u0948", "\u0e40\u0e21\u0e48\u0e19\u0e01\u0e34\u0e19\u0e41\u0e2d\u0e1b\u0e40\u0e1b\u0e34\u0e49\u0e25",
    "\U0001F994\U0001F34E \U0001F468\u200d\U0001F469\u200d\U0001F467 \U0001F1E9\U0001F1EA", "\U0001D400\U0001D41A", "<|endoftext|>", "<|endofprompt|><|fim_prefix|>", "\x00\x01\x7f", "\ufffd\ue000",
    "a" * 200, " " * 100 + "x", "-" * 120, "=" * 64 + "\n", "ab" * 90, "!?" * 50, "\u5b57A" * 20, "A" * 30 + "a" * 30,
]


def random_text(dice):
    words = ["hedgehog", "Apple", "GARDEN", "'s", "'LL", "12", "3456", "\n", "\r\n", "\t", "  ", "/", "!", "...", "\u00e9", "\u5b57",
             "\u0301", "\u02b0", "\u01c5", "\u0394", "\u03b4", "\U0001F994", "_", "-", "(", ")", " ", " ", " "]
    return "".join(dice.choice(words) for _ in range(dice.randint(1, 14)))


def encoding(folder, constructor, files):
    path = next(path for path in (os.path.join(folder, name) for name in files) if os.path.exists(path))
    public.load_tiktoken_bpe = lambda *unused, **also_unused: tiktoken.load.load_tiktoken_bpe(path)
    return tiktoken.Encoding(**constructor())


def main():
    dice = random.Random(20)
    encodings = {name: encoding(sys.argv[1], *how) for name, how in FILES.items()}
    for text in TEXTS + [random_text(dice) for _ in range(60)]:
        print(json.dumps({"text": text, **{name: e.encode_ordinary(text) for name, e in encodings.items()}},
                         separators=(",", ":")))


if __name__ == "__main__":
    main()
