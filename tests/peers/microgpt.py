#!/usr/bin/env python3
"""The scalar chapter in plain Python: what `glass micro` must print, worked out by another language.

    python3 tests/peers/microgpt.py NAMES [--steps 1000] [--seed 42] [--samples 20] [--temperature 0.5]

The same computation as Karpathy's microgpt.py: the same random numbers, the same order of every sum. The golden file of
tests/model/microgpt_test.cpp holds every bit of its losses:

    python3 tests/peers/microgpt.py data/names.txt --hex --gradients 53 > tests/golden/microgpt.txt
"""
import argparse
import math
import random
import sys
import time

EMBD, HEADS, BLOCK = 16, 4, 16
HEAD = EMBD // HEADS


class Value:
    """A number that remembers which numbers it was made from, and its slope with respect to each of them."""

    __slots__ = ("data", "grad", "inputs", "local")

    def __init__(self, data, inputs=(), local=()):
        self.data = data
        self.grad = 0
        self.inputs = inputs
        self.local = local

    def __add__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data + other.data, (self, other), (1, 1))

    def __mul__(self, other):
        other = other if isinstance(other, Value) else Value(other)
        return Value(self.data * other.data, (self, other), (other.data, self.data))

    def __pow__(self, n):
        return Value(self.data**n, (self,), (n * self.data ** (n - 1),))

    def exp(self):
        e = math.exp(self.data)
        return Value(e, (self,), (e,))

    def log(self):
        return Value(math.log(self.data), (self,), (1 / self.data,))

    def relu(self):
        return Value(max(0, self.data), (self,), (float(self.data > 0),))

    __radd__ = __add__
    __rmul__ = __mul__
    __neg__ = lambda self: self * -1
    __sub__ = lambda self, other: self + (-other)
    __truediv__ = lambda self, other: self * other**-1

    def backward(self):
        order, seen = [], set()

        def visit(value):  # inputs before outputs
            if value not in seen:
                seen.add(value)
                for x in value.inputs:
                    visit(x)
                order.append(value)

        visit(self)
        self.grad = 1
        for value in reversed(order):
            for x, slope in zip(value.inputs, value.local):
                x.grad += slope * value.grad


def linear(x, w):
    return [sum(wi * xi for wi, xi in zip(row, x)) for row in w]


def softmax(logits):
    top = max(x.data for x in logits)
    exps = [(x - top).exp() for x in logits]
    total = sum(exps)
    return [e / total for e in exps]


def rmsnorm(x):
    mean_square = sum(xi * xi for xi in x) / len(x)
    scale = (mean_square + 1e-5) ** -0.5
    return [xi * scale for xi in x]


def plus(a, b):
    return [x + y for x, y in zip(a, b)]


class Model:
    def __init__(self, vocab, rng):
        def matrix(rows, columns):
            return [[Value(rng.gauss(0, 0.08)) for _ in range(columns)] for _ in range(rows)]

        self.wte, self.wpe, self.lm_head = matrix(vocab, EMBD), matrix(BLOCK, EMBD), matrix(vocab, EMBD)
        self.wq, self.wk, self.wv, self.wo = (matrix(EMBD, EMBD) for _ in range(4))
        self.fc1, self.fc2 = matrix(4 * EMBD, EMBD), matrix(EMBD, 4 * EMBD)

    def params(self):
        return [p for matrix in vars(self).values() for row in matrix for p in row]

    def __call__(self, token, position, keys, values):
        x = rmsnorm(plus(self.wte[token], self.wpe[position]))
        before, x = x, rmsnorm(x)
        q, k, v = linear(x, self.wq), linear(x, self.wk), linear(x, self.wv)
        keys.append(k)
        values.append(v)
        mixed = []
        for h in range(0, EMBD, HEAD):
            scores = [sum(q[h + j] * key[h + j] for j in range(HEAD)) / HEAD**0.5 for key in keys]
            weights = softmax(scores)
            mixed += [sum(w * value[h + j] for w, value in zip(weights, values)) for j in range(HEAD)]
        x = plus(linear(mixed, self.wo), before)
        before, x = x, rmsnorm(x)
        x = plus(linear([xi.relu() for xi in linear(x, self.fc1)], self.fc2), before)
        return linear(x, self.lm_head)


class CountingValue(Value):
    """Counts the operations: the values that were made from others, not written down."""

    __slots__ = ()
    operations = 0

    def __init__(self, data, inputs=(), local=()):
        super().__init__(data, inputs, local)
        CountingValue.operations += bool(inputs)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names")
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--temperature", type=float, default=0.5)
    parser.add_argument("--hex", action="store_true", help="print losses with all their bits")
    parser.add_argument("--gradients", type=int, default=0, metavar="N", help="print every Nth gradient of the first step")
    args = parser.parse_args()

    global Value
    plain = Value
    if args.gradients:
        Value = CountingValue
    sys.setrecursionlimit(10000)
    rng = random.Random(args.seed)
    docs = [line.strip() for line in open(args.names, encoding="utf-8") if line.strip()]
    rng.shuffle(docs)
    print("num docs:", len(docs))
    chars = sorted(set("".join(docs)))
    bos = len(chars)
    print("vocab size:", bos + 1)
    model = Model(bos + 1, rng)
    params = model.params()
    print("num params:", len(params))

    m, v = [0.0] * len(params), [0.0] * len(params)
    began = time.time()
    for step in range(args.steps):
        doc = docs[step % len(docs)]
        tokens = [bos] + [chars.index(c) for c in doc] + [bos]
        n = min(BLOCK, len(tokens) - 1)
        keys, values, losses = [], [], []
        for position in range(n):
            probs = softmax(model(tokens[position], position, keys, values))
            losses.append(-probs[tokens[position + 1]].log())
        loss = (1 / n) * sum(losses)
        loss.backward()
        if args.gradients and step == 0:
            print("operations:", CountingValue.operations)
            Value = plain
            for i in range(0, len(params), args.gradients):
                print(f"gradient {i:4d}: {float(params[i].grad).hex()}")

        lr = 0.01 * (1 - step / args.steps)
        for i, p in enumerate(params):
            m[i] = 0.85 * m[i] + (1 - 0.85) * p.grad
            v[i] = 0.99 * v[i] + (1 - 0.99) * p.grad**2
            m_hat, v_hat = m[i] / (1 - 0.85 ** (step + 1)), v[i] / (1 - 0.99 ** (step + 1))
            p.data -= lr * m_hat / (v_hat**0.5 + 1e-8)
            p.grad = 0
        text = loss.data.hex() if args.hex else f"{loss.data:.4f}"
        print(f"step {step + 1:4d} / {args.steps:4d} | loss {text}", flush=True)
    ms_per_step = (time.time() - began) / max(args.steps, 1) * 1000

    print("\n--- inference (new, hallucinated names) ---")
    for i in range(args.samples):
        token, name, keys, values = bos, "", [], []
        for position in range(BLOCK):
            logits = model(token, position, keys, values)
            probs = softmax([x / args.temperature for x in logits])
            token = rng.choices(range(bos + 1), weights=[p.data for p in probs])[0]
            if token == bos:
                break
            name += chars[token]
        print(f"sample {i + 1:2d}: {name}")
    print(f"{ms_per_step:.1f} ms a step", file=sys.stderr)


main()
