#!/usr/bin/env python3
"""Derives the numbers in vector_math.h, says how good each fit is, and checks the header.

A minimax polynomial spreads its error evenly: it touches +E and -E in turn at degree + 2 points
(Chebyshev). Remez's exchange finds it: solve for a polynomial whose weighted error alternates at
some points, move the points to where the error is largest, repeat. The weight is 1 / |what the
function computes|, so E is a relative error of the result.

Run:  python3 kernels/cpu/fit_vector_math.py      (needs mpmath)
"""
import pathlib
import struct
import sys

from mpmath import (atanh, cos, erf, erfc, exp, floor, frexp, log, lu_solve, matrix, mp, mpf, pi,
                    sin, sqrt, tanh)

mp.dps = 40


def remez(f, weight, lo, hi, degree, rounds=12, grid=2000):
    """Coefficients c with the least max |weight(x) (f(x) - sum c[k] x^k)|, and that maximum."""
    lo, hi, n = mpf(lo), mpf(hi), degree + 2
    middle, radius = (lo + hi) / 2, (hi - lo) / 2
    points = [middle - radius * cos(pi * i / (n - 1)) for i in range(n)]
    xs = [lo + (hi - lo) * mpf(i) / grid for i in range(grid + 1)]
    fs, ws = [f(x) for x in xs], [weight(x) for x in xs]
    for _ in range(rounds):
        a, b = matrix(n, n), matrix(n, 1)
        for i, x in enumerate(points):
            for k in range(degree + 1):
                a[i, k] = x**k
            a[i, degree + 1] = (-1) ** i / weight(x)
            b[i] = f(x)
        c = list(lu_solve(a, b))[: degree + 1]
        errors = [w * (y - horner(c, x)) for x, y, w in zip(xs, fs, ws)]
        extrema = alternating(errors)
        if len(extrema) < n:
            break
        while len(extrema) > n:   # keep the run of n neighbours that holds the largest errors
            extrema.pop(0 if abs(errors[extrema[0]]) < abs(errors[extrema[-1]]) else -1)
        points = [xs[i] for i in extrema]
    return c, max(abs(e) for e in errors)


def horner(c, x):
    y = mpf(0)
    for k in reversed(c):
        y = y * x + k
    return y


def alternating(errors):
    """One index per run of equal sign: where the error is largest in that run."""
    best = []
    for i, e in enumerate(errors):
        if best and (errors[best[-1]] > 0) == (e > 0):
            if abs(e) > abs(errors[best[-1]]):
                best[-1] = i
        else:
            best.append(i)
    return best


def to_f32(x):
    """x rounded to 24 bits, as the shortest text that reads back as the same float."""
    y = struct.unpack("f", struct.pack("f", float(x)))[0]
    for digits in range(1, 10):
        text = f"{y:.{digits}g}"
        if struct.unpack("f", struct.pack("f", float(text)))[0] == y:
            return text
    raise AssertionError("nine digits tell all floats apart")


def parts(x, bits, count):
    """x = p[0] + p[1] + ...: all but the last of so few bits that times a small integer it is exact."""
    result, rest = [], mpf(x)
    for _ in range(count - 1):
        scale = mpf(2) ** (bits - int(frexp(rest)[1]))
        result.append(floor(rest * scale + mpf(1) / 2) / scale)
        rest -= result[-1]
    return result + [rest]


def near_zero(f, limit):
    """f, with its limit where f itself would divide 0 by 0."""
    return lambda x: f(x) if x else mpf(limit)


def mills(a):
    """Phi(-a) / exp(-a^2/2)."""
    return erfc(a / sqrt(mpf(2))) / 2 * exp(a * a / 2)


# What is fitted: a name, the function that the polynomial stands for, the weight, the interval, the
# degree. z is the square of the argument; a weight of 0 at an end is kept away from 0.
TINY = mpf(10) ** -12
LN2_2 = log(2) / 2 * 1.0001
S_MAX = (sqrt(2) - 1) / (sqrt(2) + 1)
QUARTER = (pi / 4 * 1.0001) ** 2


def over(f, z):
    """f(x) / x at x = sqrt(z)."""
    return f(sqrt(z)) / sqrt(z) if z else mpf(1)


FITS = [
    # exp(r) = 1 + r + r^2 P(r)
    ("exp", near_zero(lambda r: (exp(r) - 1 - r) / r**2, mpf(1) / 2),
     lambda r: r**2 / exp(r) + TINY, -LN2_2, LN2_2, 4),
    # 2^r = 1 + r P(r)
    ("exp2", near_zero(lambda r: (mpf(2)**r - 1) / r, log(2)),
     lambda r: abs(r) / mpf(2)**r + TINY, -0.50005, 0.50005, 5),
    # log(1 + f) = 2 atanh(s) = 2 s + s z P(z), s = f / (2 + f), 1 + f in [sqrt(1/2), sqrt(2)]
    ("log", near_zero(lambda z: 2 * (over(atanh, z) - 1) / z, mpf(2) / 3),
     lambda z: z / 2 + TINY, 0, S_MAX**2 * 1.0001, 2),
    # tanh(x) = x + x z P(z)
    ("tanh, |x| < 0.625", near_zero(lambda z: (over(tanh, z) - 1) / z, -mpf(1) / 3),
     lambda z: z / over(tanh, z) + TINY, 0, 0.625**2, 4),
    # erf(x) = x P(z)
    ("erf, |x| < 0.92", near_zero(lambda z: over(erf, z), 2 / sqrt(pi)),
     near_zero(lambda z: 1 / over(erf, z), sqrt(pi) / 2), 0, 0.92**2, 5),
    # erf(x) = 1 - exp(-P(x))
    ("erf, |x| >= 0.92", lambda x: -log(erfc(x)), lambda x: erfc(x) / erf(x), 0.92, 3.95, 6),
    # Phi(-a) = exp(-a^2/2) P(q), q = a / (a + 3), for a in [0, 14]
    ("normal", lambda q: mills(3 * q / (1 - q)), lambda q: 1 / mills(3 * q / (1 - q)),
     0, mpf(14) / 17, 9),
    # sin(r) = r + r z P(z)
    ("sin", near_zero(lambda z: (over(sin, z) - 1) / z, -mpf(1) / 6),
     lambda z: z + TINY, 0, QUARTER, 2),
    # cos(r) = 1 - z/2 + z^2 P(z)
    ("cos", near_zero(lambda z: (cos(sqrt(z)) - 1 + z / 2) / z**2, mpf(1) / 24),
     lambda z: z**2 / cos(sqrt(z)) + TINY, 0, QUARTER, 2),
]


def main():
    header = pathlib.Path(__file__).with_name("vector_math.h").read_text()
    missing = []

    def show(title, numbers):
        texts = [to_f32(x) for x in numbers]
        missing.extend(text for text in texts if text.lstrip("-") + "f" not in header)
        print(f"{title}\n    {', '.join(texts)}")

    for name, f, weight, lo, hi, degree in FITS:
        numbers, error = remez(f, weight, lo, hi, degree)
        show(f"{name}: relative error 2^{float(log(error, 2)):.1f}", numbers)
    show("ln 2 in two parts", parts(log(2), 9, 2))
    show("pi/2 in four parts", parts(pi / 2, 11, 4))
    if missing:
        sys.exit(f"not in vector_math.h: {', '.join(missing)}")
    print("vector_math.h holds all of them.")


if __name__ == "__main__":
    main()
