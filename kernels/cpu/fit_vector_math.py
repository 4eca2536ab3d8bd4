#!/usr/bin/env python3
"""Derives the polynomial coefficients of kernels/cpu/vector_math.h, and says how good each fit is.

A minimax polynomial spreads its error evenly: it touches +E and -E in turn at degree + 2 points (Chebyshev). Remez's
exchange finds it: solve for a polynomial whose weighted error alternates at some points, move the points to where the
error is largest, repeat. The weight is 1 / |what the function computes|, so E is a relative error of the result.

Run:  python3 kernels/cpu/fit_vector_math.py      (needs mpmath)
"""
from mpmath import mp, mpf, matrix, lu_solve, exp, log, tanh, erf, erfc, sin, cos, atanh, sqrt, pi, floor, frexp

mp.dps = 40


def remez(f, weight, lo, hi, degree, rounds=12, grid=2000):
    """Coefficients c[0..degree] that minimise max |weight(x) (f(x) - sum c[k] x^k)| on [lo, hi], and that maximum."""
    lo, hi, n = mpf(lo), mpf(hi), degree + 2
    points = [(lo + hi) / 2 - (hi - lo) / 2 * cos(pi * i / (n - 1)) for i in range(n)]
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
    import struct
    y = struct.unpack("f", struct.pack("f", float(x)))[0]
    for digits in range(1, 12):
        text = f"{y:.{digits}g}"
        if struct.unpack("f", struct.pack("f", float(text)))[0] == y:
            return text
    return repr(y)


def show(name, fitted):
    c, error = fitted
    print(f"{name:28s} relative error 2^{float(log(error, 2)):.1f}")
    print("    " + ", ".join(to_f32(x) + "f" for x in c))


def parts(x, bits, count):
    """x = p[0] + p[1] + ...: all but the last with that few bits, so that small integers times a part are exact."""
    result, rest = [], mpf(x)
    for _ in range(count - 1):
        mantissa, e = frexp(rest)
        scale = mpf(2) ** (bits - int(e))
        part = floor(rest * scale + mpf(1) / 2) / scale
        result.append(part)
        rest -= part
    return result + [rest]


tiny = mpf(10) ** -12   # limits at 0, away from 0/0

if __name__ == "__main__":
    # exp(r) = 1 + r + r^2 P(r), |r| <= ln(2)/2
    show("exp", remez(lambda r: (exp(r) - 1 - r) / r**2 if r else mpf(1) / 2, lambda r: r**2 / exp(r) + tiny,
                      -log(2) / 2 * 1.0001, log(2) / 2 * 1.0001, 4))
    # log(1 + f) = 2 atanh(s), s = f / (2 + f);  2 atanh(s) = 2 s + s z P(z), z = s^2, 1 + f in [sqrt(1/2), sqrt(2)]
    s_max = (sqrt(2) - 1) / (sqrt(2) + 1)
    show("log", remez(lambda z: (2 * atanh(sqrt(z)) / sqrt(z) - 2) / z if z else mpf(2) / 3,
                      lambda z: z / 2 + tiny, 0, s_max**2 * 1.0001, 2))
    # tanh(x) = x + x z P(z), z = x^2, |x| <= 0.625
    show("tanh", remez(lambda z: (tanh(sqrt(z)) / sqrt(z) - 1) / z if z else -mpf(1) / 3,
                       lambda z: z / (tanh(sqrt(z)) / sqrt(z) if z else 1) + tiny, 0, 0.625**2, 4))
    # erf(x) = x P(z), z = x^2, |x| <= 0.92
    show("erf, |x| <= 0.92", remez(lambda z: erf(sqrt(z)) / sqrt(z) if z else 2 / sqrt(pi),
                                   lambda z: sqrt(z) / erf(sqrt(z)) if z else sqrt(pi) / 2, 0, 0.92**2, 5))
    # erf(x) = 1 - exp(-P(x)), 0.92 <= x <= 3.95
    show("erf, |x| > 0.92", remez(lambda x: -log(erfc(x)), lambda x: erfc(x) / erf(x), 0.92, 3.95, 6))
    # sin(r) = r + r z P(z), cos(r) = 1 - z/2 + z^2 P(z), z = r^2, |r| <= pi/4
    quarter = (pi / 4 * 1.0001) ** 2
    show("sin", remez(lambda z: (sin(sqrt(z)) / sqrt(z) - 1) / z if z else -mpf(1) / 6, lambda z: z + tiny, 0, quarter, 2))
    show("cos", remez(lambda z: (cos(sqrt(z)) - 1 + z / 2) / z**2 if z else mpf(1) / 24, lambda z: z**2 / cos(sqrt(z)) + tiny,
                      0, quarter, 2))
    print("ln 2 in parts                ", ", ".join(to_f32(p) for p in parts(log(2), 9, 2)))
    print("pi/2 in parts                ", ", ".join(to_f32(p) for p in parts(pi / 2, 11, 4)))
