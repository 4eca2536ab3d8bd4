#!/usr/bin/env python3
"""Generate in a real browser: what it writes, steered and not, is what `glass sample` and `glass interp steer` write.

    python3 tests/web/generate_test.py --glass build/release/glass [--pictures DIR] [--only NAME] [--web-dir tools/web]

Without Chromium the test is skipped.
"""
import json
import os
import shlex
import sys

import dashboard
import peer
from dashboard import CIRCUIT, PROMPT, check_look, go


def a_model_writes(report, page, args):
    go(page, "generate", f"prompt={PROMPT}&n=12&seed=5&temperature=2")
    page.wait("document.querySelectorAll('.written .token').length >= 12")
    shown = page.value("[...document.querySelectorAll('.written .token')].map((t) => t.textContent).join('')")
    words = shlex.split(page.value("document.querySelector('.writing .command code').textContent"))
    report.check("the command says what was asked", {f"--ckpt={CIRCUIT}", f"--prompt={PROMPT}", "--temperature=2",
                                                     "--max-new-tokens=12", "--seed=5"} < set(words), words)
    told = json.loads(peer.output_of(args.glass, *words[1:], "--json", "--threads", "1"))
    report.check("what glass sample writes", shown == told["samples"][0]["text"], f"{shown}\n  {told['samples']}")
    page.move(*page.place(".written .token"))
    sides = page.value("[...document.querySelectorAll('.guesses h3')].map((h) => h.textContent)")
    report.check("what else could have come", len(sides) == 2, sides)

    colour = "getComputedStyle(document.querySelectorAll('.written .token')[3]).backgroundColor"
    light = page.value(colour)
    page.shape(1280, 900, dark=True)
    page.wait(f"{colour} !== '{light}'")
    page.shape(1280, 900)
    page.wait(f"{colour} === '{light}'")
    report.check("tokens follow the scheme of colours", True)

    go(page, "generate", "prompt=&n=6&seed=5")
    page.wait("document.querySelectorAll('.written .token').length >= 6")
    words = shlex.split(page.value("document.querySelector('.writing .command code').textContent"))
    told = json.loads(peer.output_of(args.glass, *words[1:], "--json", "--threads", "1"))
    shown = page.value("[...document.querySelectorAll('.written .token')].map((t) => t.textContent).join('')")
    report.check("and with nothing to begin with", shown == told["samples"][0]["text"], f"{shown}\n  {told['samples']}")


def a_model_is_steered(report, page, args):
    """The same dice with and without a direction; what is written is what the two commands write."""
    go(page, "generate", "")
    page.value("document.querySelector('.steer').open = true")
    for name, value in {"prompt": PROMPT, "n": 10, "seed": 5, "temperature": 1, "towards": "x7k", "away": "q2",
                        "at": "blocks.1.hook_resid_post", "strength": 3}.items():
        page.value("document.querySelector('[data-option=%s]').value = %s" % (name, json.dumps(str(value))))
    page.click(".go")
    page.wait("document.querySelectorAll('.pair .written .token').length >= 20")
    shown = page.value("[...document.querySelectorAll('.written')].map((text) => "
                       "[...text.querySelectorAll('.token')].map((t) => t.textContent).join(''))")
    lines = page.value("[...document.querySelectorAll('.writing .command code')].map((line) => line.textContent)")
    told = [json.loads(peer.output_of(args.glass, *shlex.split(line)[1:], "--json", "--threads", "1"))
            for line in lines]
    report.check("both are written", shown == [one["samples"][0]["text"] for one in told], f"{shown}\n  {told}")
    report.check("the direction does something", len(set(shown)) == 2, shown)
    page.move(*page.place(".pair .writing:nth-child(2) .written .token:nth-of-type(4)"))
    asked = page.value("[...document.querySelectorAll('.written')].map((text) => "
                       "[...text.querySelectorAll('.token')].findIndex((t) => t.classList.contains('asked')))")
    report.check("both are pointed at", len(set(asked)) == 1 and asked[0] >= 0, asked)
    check_look(report, page, "generate", "steered")
    page.value("history.back()")
    page.wait("!document.querySelector('.pair')")
    page.value("history.forward()")
    page.wait("document.querySelectorAll('.pair .written .token').length >= 20")
    again = page.value("[...document.querySelectorAll('.written')].map((text) => "
                       "[...text.querySelectorAll('.token')].map((t) => t.textContent).join(''))")
    report.check("the address says it", again == shown, again)
    page.shape(390, 844)
    check_look(report, page, "generate", "steered on a phone")
    if args.pictures:
        page.picture(os.path.join(args.pictures, "generate-steered-phone.png"))
    page.shape(1280, 900)
    page.value("document.querySelector('[data-option=away]').value = 'x7k'")
    page.click(".go")
    page.wait("document.querySelector('.pair .complaint')")
    said = page.value("document.querySelector('.pair .complaint').textContent")
    report.check("no direction", "no direction between them" in said, said)
    page.value("document.querySelector('[data-option=feature]').value = '3'")
    page.click(".go")
    page.wait("document.querySelector('.pair .complaint')?.textContent.includes('no autoencoder')")
    said = page.value("document.querySelector('.pair .complaint').textContent")
    report.check("no autoencoder", "the page Features can make one" in said, said)
    report.check("and where", page.value("!!document.querySelector('.pair .complaint a[href=\"#/sae\"]')"))
    page.complaints.clear()   # a browser lists every refused request


if __name__ == "__main__":
    sys.exit(dashboard.run(__doc__, "web_generate", [a_model_writes, a_model_is_steered]))
