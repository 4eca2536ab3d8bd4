"""Numbers that Python and the tests in C++ make alike, and how a large tensor becomes a few lines of a golden file.

No weights are stored: draw i of a stream is a function of the stream's name and i (Philox, kernels/random.h), so both
sides make the same ones. Weights have 16 bits, so they are exact in float and in double. tests/model/golden.h is the
other half.
"""
import hashlib
import math

import numpy as np

SEED = 20        # of every stream
WHOLE = 192      # a tensor of up to so many elements is written whole
SIGNS = 32       # projections of a larger one
SAMPLES = 64     # and elements of it


def site(name):
    """FNV-1a of the name, as engine/random.cpp has it."""
    hash = 2166136261
    for byte in (name + "/").encode():
        hash = (hash ^ byte) * 16777619 % 2**32
    return hash


def draws(name, count, step=0):
    """The first `count` draws of a stream: uint32. Ten rounds of Philox4x32, four draws a block."""
    word, low = np.uint64(2**32 - 1), np.uint64(32)
    blocks = (count + 3) // 4
    c = [np.arange(blocks, dtype=np.uint64)] + [np.full(blocks, n, np.uint64) for n in (site(name), step, 0)]
    k0, k1 = SEED % 2**32, SEED >> 32
    for _ in range(10):
        a, b = np.uint64(0xD2511F53) * c[0], np.uint64(0xCD9E8D57) * c[2]
        c = [(b >> low) ^ c[1] ^ np.uint64(k0), b & word, (a >> low) ^ c[3] ^ np.uint64(k1), a & word]
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return np.stack(c, axis=1).reshape(-1)[:count].astype(np.uint32)


def weight(name, shape):
    """A weight drawn for its place: what a norm scales by lies around 1, a matrix shrinks with its inputs."""
    x = (draws(name, math.prod(shape)) >> 16).astype(np.float64) / 2**15 - 1   # in [-1, 1)
    if ".ln_" in name and name.endswith(".weight"):
        x = 1 + x / 4
    elif len(shape) == 1:
        x = x / 8
    elif ".wte." in name or ".wpe." in name:
        x = x / 2
    else:
        x = x / 2 ** (shape[1].bit_length() // 2)
    return x.reshape(shape)


def below(name, shape, limit, step=0):
    """Integers of 0 .. limit-1."""
    x = draws(name, math.prod(shape), step).astype(np.uint64) * np.uint64(limit) >> np.uint64(32)
    return x.astype(np.int64).reshape(shape)


def numbers_of(x):
    """What a golden keeps of a tensor: all of it, or 32 sums with random signs, then 64 of its elements.

    The square of a sum of differences with random signs is the squared length of the difference, in the mean. So 32 of
    them say how far another tensor is, as the whole would, and the elements catch what was moved to another place.
    """
    x = np.asarray(x, dtype=np.float64).reshape(-1)
    if x.size <= WHOLE:
        return x
    bits = draws("signs", x.size)
    sums = [math.fsum(np.where(bits >> k & 1, -x, x)) for k in range(SIGNS)]
    return np.concatenate([sums, x[below("samples", (SAMPLES,), x.size)]])


class Golden:
    """Lines of words: `WORD NAME sizes : length numbers`. Single numbers have no sizes and no length."""

    def __init__(self):
        self.lines = []

    def case(self, name, **settings):
        self.lines.append(" ".join(["case", name] + [f"{k}={v}" for k, v in settings.items()]))

    def numbers(self, word, values):
        self.lines.append(f"{word} : " + " ".join(repr(v) for v in values))

    def tensor(self, word, name, x):
        x = np.asarray(x, dtype=np.float64)
        length = math.sqrt(math.fsum((x * x).reshape(-1)))
        sizes = "".join(f" {n}" for n in x.shape)
        self.lines.append(f"{word} {name}{sizes} : {length!r} " + " ".join(repr(float(v)) for v in numbers_of(x)))

    def save(self, path, title):
        path.write_text(f"# {title}\n" + "\n".join(self.lines) + "\n")
        cases = sum(line.startswith("case") for line in self.lines)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        print(f"{path.name}: {cases} cases, {path.stat().st_size} bytes, sha256 {digest}")
