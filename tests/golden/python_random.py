#!/usr/bin/env python3
"""Writes python_random.txt: what CPython's own generator draws. Each line: name, seed, numbers.

    python3 tests/golden/python_random.py > tests/golden/python_random.txt

Real numbers are written in hexadecimal, so that every bit is compared.
"""
import random

SEEDS = [0, 1, 42, 1337, 2**31, 2**32 - 1, 2**32, 2**32 + 5, 123456789012345678, 2**64 - 1]


def line(name, seed, numbers):
    print(name, seed, *[x.hex() if isinstance(x, float) else x for x in numbers])


for seed in SEEDS:
    rng = random.Random(seed)
    line("bits", seed, [rng.getrandbits(k) for k in range(1, 33)])
    rng = random.Random(seed)
    line("uniform", seed, [rng.random() for _ in range(10)])
    rng = random.Random(seed)
    line("gauss", seed, [rng.gauss(0, 0.08) for _ in range(9)])
    rng = random.Random(seed)  # the kept second value survives calls of other methods
    line("gauss_then_uniform", seed, [f() for _ in range(3) for f in (lambda: rng.gauss(3, 2), rng.random)])
    for n in (1, 2, 3, 27, 100):
        rng = random.Random(seed)
        items = list(range(n))
        rng.shuffle(items)
        line("shuffle", seed, items)
    rng = random.Random(seed)
    weights = [0.1 * i * i for i in range(27)]
    line("choice", seed, [rng.choices(range(27), weights=weights)[0] for _ in range(20)])
    rng = random.Random(seed)
    line("choice_of_one", seed, [rng.choices(range(1), weights=[0.5])[0] for _ in range(3)])

# Far enough that the state has been refilled many times.
rng = random.Random(42)
for _ in range(100_000):
    rng.random()
line("uniform_after_100000", 42, [rng.random() for _ in range(5)])
