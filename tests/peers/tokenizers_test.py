#!/usr/bin/env python3
"""Our tokens against those that others make of the same text.

    python3 tests/peers/tokenizers_test.py --glass build/release/glass [--texts 500] [--ranks DIR]

Python prepares a text letter by letter as nanoGPT does and pickles the meta.pkl of it: our files must be the same bytes,
and we must read that pickle. Where the package `tokenizers` is installed, its trainer must find the same merges as ours,
and its encoder the same tokens, on texts of all of Unicode; it must read our tokenizer.json, vocab.json and merges.txt,
and we must read its. Where `tiktoken` is installed and the rank files are found (--ranks, GLASS_DATA, ../shared/data),
gpt2, cl100k and o200k must give its ids. GLASS_DEEP=1 takes 20,000 texts for each.
"""
import array
import json
import os
import pickle
import random
import subprocess
import sys
import tempfile
import unicodedata

import peer

SEED = 20


def glass(args, *words):
    """What it says, as bytes: a text may hold what Python takes for the end of a line."""
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
        texts = [text[:20000]] + random_texts(args.texts or (5000 if peer.DEEP else 300))
        for text, ids in zip(texts, encoded(args, folder, ours, texts)):
            expected = theirs.encode(text, add_special_tokens=False).ids
            report.check(f"{name}: {text!r}", ids == expected, f"seed {SEED}: {ids} is not {expected}")


# --- encodings that everybody knows --------------------------------------------------------------

RANK_FILES = {"gpt2": ("r50k_base", ["gpt2.tiktoken", "r50k_base.tiktoken"]),
              "cl100k": ("cl100k_base", ["cl100k_base.tiktoken"]), "o200k": ("o200k_base", ["o200k_base.tiktoken"])}


def rank_folder(args):
    return peer.folder_with("o200k_base.tiktoken", args.ranks, os.environ.get("GLASS_DATA"), peer.SHARED / "tokenizers")


def tiktoken_encoding(folder, name):
    import tiktoken
    import tiktoken.load
    import tiktoken_ext.openai_public as public
    constructor, files = RANK_FILES[name]
    path = next(path for path in (os.path.join(folder, file) for file in files) if os.path.exists(path))
    public.load_tiktoken_bpe = lambda *unused, **also_unused: tiktoken.load.load_tiktoken_bpe(path)
    return tiktoken.Encoding(**getattr(public, constructor)())


def mixed_texts(count):
    """Of every kind of letter a few, words that patterns treat in a way of their own, and special tokens."""
    random.seed(SEED + 1)
    words = ["a", "b", "Ab", "ABC", "'s", "'LL", "'\u017f", "'re", "\u017f", " ", " ", " ", "  ", "\t", "\u00a0", "\u3000", "\n", "\n",
             "\r", "\r\n", "/", "//", "!", "?!", "...", "1", "23", "4567", "\u0663", "\u00bd", "\u5b57", "\u05d0", "\u02b0", "\u01c5",
             "\u00df", "\u0394", "\u03b4", "\u0301", "\u0903", "\U0001F994", "\x1c", "\u2028", "\u0085", "_", "\U0001D400",
             "\U0001D41A", "hedgehog", " the", " The", " garden", "tion", "<|endoftext|>", "<|endof", "\u0436\u0438", " \u03bd\u03b1"]
    texts = []
    for _ in range(count):
        some = random.sample(words, random.randint(2, len(words)))
        texts.append("".join(random.choice(some) for _ in range(random.randint(0, 30))))
    return texts


def compare(args, folder, report, name, spec, theirs, texts, *more):
    for text, ids in zip(texts, encoded(args, folder, spec, texts, *more)):
        expected = theirs(text)
        report.check(f"{name}: {text!r}", ids == expected, f"seed {SEED}: {ids} is not {expected}")


def decoded(args, folder, tokenizer, rows, *more):
    lines = "".join(json.dumps({"ids": row}) + "\n" for row in rows).encode()
    out = glass(args, "tokenizer", "decode", "--tokenizer", tokenizer, *more, "--jsonl",
                write(os.path.join(folder, "ids.jsonl"), lines))
    return [json.loads(line)["text"] for line in out.splitlines()]


def against_tiktoken(args, folder, report):
    ranks = rank_folder(args)
    if ranks is None:
        report.skip("gpt2, cl100k and o200k", "no rank files in --ranks, GLASS_DATA or ../shared/data/tokenizers")
        return
    count = args.texts or (20000 if peer.DEEP else 2000)
    texts = mixed_texts(count - count // 2) + random_texts(count // 2)
    for name in RANK_FILES:
        theirs = tiktoken_encoding(ranks, name)
        compare(args, folder, report, name, name, theirs.encode_ordinary, texts, "--ranks", ranks)
        compare(args, folder, report, f"{name} with special tokens", name,
                lambda text: theirs.encode(text, allowed_special="all"), texts[:500], "--ranks", ranks, "--special")
        rows = [theirs.encode_ordinary(text) for text in texts[:500]]
        report.check(f"{name}: texts come back", decoded(args, folder, name, rows, "--ranks", ranks) == texts[:500])


# --- the files of Hugging Face -------------------------------------------------------------------

def exported(args, folder, spec, *more):
    place = tempfile.mkdtemp(dir=folder)
    glass(args, "tokenizer", "export", "--tokenizer", spec, *more, "-o", place)
    return place


def what_we_write(args, folder, report):
    """Our files in their program, and the same files in ours again."""
    from tokenizers import ByteLevelBPETokenizer, Tokenizer
    story = glass(args, "data", "make", "stories", "-n", "300").decode() + "\u5b57\u00e9\U0001F994\u00a0~"
    corpus = write(os.path.join(folder, "corpus.txt"), story.encode())
    letters = sorted(set(story))
    spelled = ["".join(random.choice(letters) for _ in range(random.randint(0, 60))) for _ in range(200)]
    texts = mixed_texts(args.texts or 1000)
    lines = story.split("\n")[:300]
    cases = [("char", ["--corpus", corpus], spelled), ("char", ["--corpus", "names"], ["anna", "zoe\n"]),
             ("bytes", [], texts), ("bpe:700", ["--corpus", corpus], texts)]
    ranks = rank_folder(args)
    if ranks:
        cases += [(name, ["--ranks", ranks], texts) for name in RANK_FILES]
        cases += [("o200k-compact", ["--ranks", ranks, "--corpus", corpus], lines),
                  ("gpt2-compact", ["--ranks", ranks, "--corpus", corpus], lines)]
    for spec, more, texts in cases:
        place = exported(args, folder, spec, *more)
        ours = encoded(args, folder, spec, texts, *more, "--special")
        theirs = Tokenizer.from_file(os.path.join(place, "tokenizer.json"))
        again = encoded(args, folder, os.path.join(place, "tokenizer.json"), texts, "--special")
        for text, ids, read_again in zip(texts, ours, again):
            expected = theirs.encode(text, add_special_tokens=False).ids
            report.check(f"{spec} as tokenizer.json: {text!r}", ids == expected, f"{ids} is not {expected}")
            report.check(f"{spec} read again: {text!r}", ids == read_again, f"{ids} is not {read_again}")
            back = theirs.decode(ids, skip_special_tokens=False)
            report.check(f"{spec} decoded by them: {text!r}", back == text, back)
        if not os.path.exists(os.path.join(place, "vocab.json")):
            continue
        theirs = ByteLevelBPETokenizer(os.path.join(place, "vocab.json"), os.path.join(place, "merges.txt"))
        ours = encoded(args, folder, spec, texts, *more)
        again = encoded(args, folder, os.path.join(place, "merges.txt"), texts)
        for text, ids, read_again in zip(texts, ours, again):
            expected = theirs.encode(text).ids
            report.check(f"{spec} as vocab.json: {text!r}", ids == expected, f"{ids} is not {expected}")
            report.check(f"{spec} as vocab.json read again: {text!r}", ids == read_again, f"{ids} is not {read_again}")


def what_they_write(args, folder, report):
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    story = glass(args, "data", "make", "stories", "-n", "300").decode()
    cl100k = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
              r"|\s+(?!\S)|\s+")
    for name, cut in (("gpt2", pre_tokenizers.ByteLevel(add_prefix_space=False)),
                      ("cl100k", pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(cl100k), "isolated"),
                                                          pre_tokenizers.ByteLevel(add_prefix_space=False,
                                                                                   use_regex=False)]))):
        for whole in (False, True):
            theirs = Tokenizer(models.BPE(ignore_merges=whole))
            theirs.pre_tokenizer, theirs.decoder = cut, decoders.ByteLevel()
            theirs.post_processor = processors.ByteLevel(trim_offsets=False)
            trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=["<|endoftext|>", "<pad>"], show_progress=False,
                                          initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
            theirs.train_from_iterator([story], trainer)
            if whole:  # what stands around a text is not its tokens
                theirs.post_processor = processors.TemplateProcessing(single="<|endoftext|> $A",
                                                                      special_tokens=[("<|endoftext|>", 0)])
            theirs.add_tokens([AddedToken("the hedge", normalized=False), AddedToken("\u5b57\u5b57", normalized=False)])
            path = os.path.join(folder, "theirs.json")
            theirs.save(path)
            texts = mixed_texts(args.texts or 1000) + ["<pad>the hedgethe hedgehog\u5b57\u5b57\u5b57 <pad"]
            compare(args, folder, report, f"their tokenizer.json, {name}", path,
                    lambda text: theirs.encode(text, add_special_tokens=False).ids, texts, "--special")
        if name == "gpt2":
            theirs.model.save(str(folder))
            theirs = Tokenizer(models.BPE.from_file(os.path.join(folder, "vocab.json"), os.path.join(folder, "merges.txt")))
            theirs.pre_tokenizer = cut
            compare(args, folder, report, "their vocab.json", os.path.join(folder, "vocab.json"),
                    lambda text: theirs.encode(text, add_special_tokens=False).ids, mixed_texts(500))


def skipping(report, what, needs, test, *more):
    try:
        __import__(needs)
    except ImportError as missing:
        report.skip(what, missing)
        return
    test(*more)


def main():
    parser = peer.parser(__doc__)
    parser.add_argument("--texts", type=int, help="how many random texts each; without it, what is quick")
    parser.add_argument("--ranks", help="a folder with the rank files")
    args = parser.parse_args()
    report = peer.Report()
    with peer.folder() as folder:
        letter_by_letter(args, folder, report)
        for what, needs, test in (("the pieces", "tokenizers", pieces), ("the encodings", "tiktoken", against_tiktoken),
                                  ("our files", "tokenizers", what_we_write),
                                  ("their files", "tokenizers", what_they_write)):
            skipping(report, what, needs, test, args, folder, report)
    return report.end()


if __name__ == "__main__":
    sys.exit(main())
