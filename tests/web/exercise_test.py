#!/usr/bin/env python3
"""The exercises in a real browser: each is answered, and what the page calls right is what the commands say.

    python3 tests/web/exercise_test.py --glass build/release/glass [--pictures DIR] [--only NAME] [--web-dir tools/web]

Without Chromium the test is skipped.
"""
import json
import math
import os
import re
import shlex
import sys
import time

import dashboard
import peer
from dashboard import CIRCUIT, check_look, go


# What is right, from the JSON of the command that the page names: written twice, so that two must be wrong alike.
def truth_of(exercise, told, words):
    if exercise == "where":
        row = told["attention"][0][0][-1]
        found = [str(k) for k, x in enumerate(row) if x > 0.9 * max(row)]
        return found if max(row) >= 2 / len(row) else ["alike"]
    if exercise == "which":
        looks = {"before?": "previous", "token?": "duplicate", "self?": "induction"}[words.split()[-1]]
        return [f"{h['layer']}.{h['head']}" for h in told["heads"] if (h[looks] or 0) >= 0.5] or ["none"]
    if exercise == "real":
        return [f"{s['layer']}.{s['head']}" for s in told["scores"]
                if min(s["score"], s["robust"], s["gap"]) >= told["threshold"]] or ["none"]
    if exercise == "price":
        share = told["second_copy_loss"] / math.log(65)
        return ["little" if share <= 0.25 else "some" if share <= 0.75 else "guess" if share <= 1.25 else "more"]
    if exercise == "without":
        head = [int(x) for x in re.search(r"head (\d+)\.(\d+)", words).groups()]
        return next(h["loss_change"] for h in told["heads"] if [h["layer"], h["head"]] == head)
    if exercise == "cell":
        return [str(t) for t, x in enumerate(told["grid"][-1]) if x >= 0.7]
    if exercise == "enough":
        layer = int(re.search(r"layer (\d+)", words)[1])
        return [f"{layer}.{h}" for h, x in enumerate(told["grid"][layer]) if x >= 0.7] or ["none"]
    return len(told["edges"])


def predict(page, value):
    page.value("(() => { const form = document.querySelector('.exercise'), value = %s;"
               " const field = form.querySelector('[data-option=prediction]');"
               " if (field) field.value = value;"
               " else [...form.querySelectorAll('input')].find((one) => one.value === value).click(); })()"
               % json.dumps(str(value)))
    page.click(".exercise .go")
    page.wait("document.querySelector('main .badge, main .complaint')", 300)   # a server gives way to all others
    return page.value("document.querySelector('main .badge h2, main .complaint').textContent")


def predictions_are_held_against_the_analysis(report, page, args):
    """Every exercise, about its first and its last model: what the page calls right is what the command says."""
    begun = "document.querySelector('.exercise')"
    def begin(where, exercise, model):
        go(page, "")   # away from the answer of the last one
        go(page, where, f"exercise={exercise}&model={model}&seed=3")
        page.wait(f"{begun}?.dataset.asked === '{exercise} {model} 3'")

    for exercise, where, models in page.value("import('/exercises.js').then(({ exercises }) => exercises.map((one) => "
                                              "[one.id, one.page, one.models]))"):
        for model in (models[0], models[-1]):
            what = f"{exercise} of {model}"
            page.shape(*((390, 844) if where != "induction" else (1280, 900)), dark=model == models[0])
            begin(where, exercise, model)
            report.check(f"{what}: nothing is told before", not page.value("!!document.querySelector('main .badge')"))
            options = page.value("[...document.querySelectorAll('.exercise input')].map((one) => one.value)")
            question = page.value("document.querySelector('.exercise legend').textContent")
            said = predict(page, options[0] or "-777")
            line = page.value("document.querySelector('main .command code')?.textContent") or ""
            report.check(f"{what}: the command names the model", f"handmade:{model} " in line, line)
            told = json.loads(peer.output_of(args.glass, *shlex.split(line)[1:], "--json", "--threads", "1"))
            right = truth_of(exercise, told, question)
            number = not isinstance(right, list)
            marked = page.value("[...document.querySelectorAll('.exercise .right input')].map((one) => one.value)")
            report.check(f"{what}: what is right", number or sorted(marked) == sorted(right), f"{marked}\n  {right}")
            wanted = "As you said" if not number and options[0] in right else "Not as you said"
            report.check(f"{what}: {options[0]}", said == wanted, f"{said}; {right}")
            fixed = page.value(f"{begun}.querySelector('fieldset').disabled")
            report.check(f"{what}: a prediction is made once", fixed)
            check_look(report, page, where, what)
            if args.pictures:
                page.picture(os.path.join(args.pictures, f"exercise-{exercise}-{model}.png"))
            if model != models[0]:
                continue
            begin(where, exercise, model)
            said = predict(page, right if number else right[-1])
            report.check(f"{what}: {right}", said == "As you said", said)
    page.shape(1280, 900)

    begin("attention", "where", "induction")
    page.click(".exercise .go")
    time.sleep(0.3)
    report.check("no prediction, no answer", not page.value("!!document.querySelector('main .badge')"))
    page.value("document.querySelector('.exercise input').focus()")
    page.key(" ", code="Space", number=32, text=" ")
    page.key("ArrowRight", number=39)
    report.check("arrow keys choose", page.value("document.querySelector('.exercise input:checked').value") == "1")
    page.key("Enter", number=13, text="\r")
    page.wait("document.querySelector('main .badge')")
    report.check("what was found is read aloud", page.value("document.activeElement.className").startswith("badge"))
    page.click(".exercise a")
    page.wait(f"{begun}?.dataset.asked === 'where induction 4'")
    report.check("another seed is another question", not page.value("!!document.querySelector('main .badge')"))
    go(page, "attention", "exercise=nonsense")
    page.wait("document.querySelector('main .complaint')")
    go(page, "")
    page.value(f"document.querySelector(\"[data-model='{CIRCUIT}']\")?.click()")
    page.wait(f"document.getElementById('status').textContent.includes('{CIRCUIT} ')")


if __name__ == "__main__":
    sys.exit(dashboard.run(__doc__, "web_exercise", [predictions_are_held_against_the_analysis]))
