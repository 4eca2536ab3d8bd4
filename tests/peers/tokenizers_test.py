#!/usr/bin/env python3
"""Our tokens against those that others make of the same text.

    python3 tests/peers/tokenizers_test.py --glass build/release/glass [--texts 500]

Python prepares a text letter by letter as nanoGPT does and pickles the meta.pkl of it: our files must be the same bytes,
and we must read that pickle. Where the package `tokenizers` is installed, its trainer must find the same merges as ours,
and its encoder the same tokens, on texts of all of Unicode.
"""
import argparse
import array
import json
import os
import pickle
import random
import subprocess
import sys
import tempfile
import unicodedata

SEED = 20


def glass(args, *words):
    done = subprocess.run([args.glass, *words], capture_output=True)
    if done.returncode:
        sys.exit(f"glass {' '.join(words)} ended with {done.returncode}:\n{done.stderr.decode()}")
    return done.stdout


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read()


def encoded(args, folder, tokenizer, texts, *more):
    lines = "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()
    out = glass(args, "tokenizer", "encode", "--tokenizer", tokenizer, *more, "--jsonl",
                write(os.path.join(folder, "texts.jsonl"), lines))
    return [json.loads(line)["ids"] for line in out.splitlines()]


class Report:
    passed = failed = skipped = 0

    def check(self, what, good, detail=""):
        self.passed += bool(good)
        self.failed += not good
        if not good:
            print(f"FAILED {what}: {detail}")


# --- letter by letter ----------------------------------------------------------------------------

def corpora(args):
    yield "names", glass(args, "data", "make", "names").decode()
    yield "stories", glass(args, "data", "make", "stories", "-n", "50").decode()
    yield "many letters", "".join(chr(0x100 + i % 700) for i in range(5000)) + "\U0001F600 zo\u00eb\n"


def nanogpt(text):
    """data/shakespeare_char/prepare.py, in five lines: the letters, and the two files."""
    letters = sorted(set(text))
    stoi = {letter: i for i, letter in enumerate(letters)}
    ids = [stoi[letter] for letter in text]
    cut = int(len(text) * 0.9)
    return letters, stoi, array.array("H", ids[:cut]).tobytes(), array.array("H", ids[cut:]).tobytes()


def letter_by_letter(args, folder, report):
    for name, text in corpora(args):
        letters, stoi, train, val = nanogpt(text)
        path = write(os.path.join(folder, "text.txt"), text.encode())
        glass(args, "data", "prep", path, "-o", os.path.join(folder, "ours"), "--overwrite")
        report.check(f"{name}: train.bin", read(os.path.join(folder, "ours", "train.bin")) == train)
        report.check(f"{name}: val.bin", read(os.path.join(folder, "ours", "val.bin")) == val)
        for protocol in (2, 3, 4, 5):
            meta = {"vocab_size": len(letters), "itos": dict(enumerate(letters)), "stoi": stoi}
            pkl = write(os.path.join(folder, "meta.pkl"), pickle.dumps(meta, protocol))
            [ids] = encoded(args, folder, pkl, [text])
            report.check(f"{name}: meta.pkl of protocol {protocol}", ids == [stoi[letter] for letter in text])


# --- pieces --------------------------------------------------------------------------------------

def hugging_face(text, size):
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(vocab_size=size, min_frequency=2, special_tokens=["<|endoftext|>"], show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator([text], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    ids = model["vocab"]
    pairs = [pair if isinstance(pair, list) else pair.split(" ") for pair in model["merges"]]
    return tokenizer, [[ids[left], ids[right]] for left, right in pairs]


def random_texts(count):
    random.seed(SEED)
    everything = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) not in ("Cn", "Cs")]
    alphabets = [everything, list(" '\n\tabst19.,!dlmrev"), list("'stdmrvel lSTRE"), list(" \u3000\u00a0\u2028\u0085\r\n a")]
    return ["".join(random.choice(random.choice(alphabets)) for _ in range(random.randint(0, 60))) for _ in range(count)]


def pieces(args, folder, report):
    story = glass(args, "data", "make", "stories", "-n", "400").decode()
    names = glass(args, "data", "make", "names", "-n", "3000").decode()
    for name, text, size in (("stories", story, 900), ("names", names, 2000), ("all", "".join(random_texts(3000)), 700)):
        path = write(os.path.join(folder, "text.txt"), text.encode())
        ours = os.path.join(folder, "ours.json")
        glass(args, "tokenizer", "train", path, "--tokenizer", f"bpe:{size}", "-o", ours)
        theirs, merges = hugging_face(text, size)
        found = json.loads(read(ours))["merges"]
        at = next((i for i, (a, b) in enumerate(zip(found, merges)) if a != b), None)
        report.check(f"{name}: the merges", found == merges, f"seed {SEED}: {len(found)} and {len(merges)}, first other {at}")
        texts = [text[:20000]] + random_texts(args.texts)
        for text, ids in zip(texts, encoded(args, folder, ours, texts)):
            expected = theirs.encode(text, add_special_tokens=False).ids
            report.check(f"{name}: {text!r}", ids == expected, f"seed {SEED}: {ids} is not {expected}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--glass", required=True, help="the program under test")
    parser.add_argument("--texts", type=int, default=5000 if os.environ.get("GLASS_DEEP") == "1" else 300)
    args = parser.parse_args()
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        letter_by_letter(args, folder, report)
        try:
            import tokenizers  # noqa: F401
            pieces(args, folder, report)
        except ImportError as missing:
            print(f"skipped the pieces: {missing}")
            report.skipped += 1
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(main())
