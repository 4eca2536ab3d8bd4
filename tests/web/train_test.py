#!/usr/bin/env python3
"""Train in a real browser, from an empty folder to a model that is looked into: by buttons alone.

    python3 tests/web/train_test.py --glass build/release/glass [--pictures DIR] [--only NAME] [--web-dir tools/web]

Without Chromium the test is skipped.
"""
import contextlib
import json
import os
import pathlib
import signal
import sys

import dashboard
import peer
from dashboard import go, near, open_page, serving, table_of


def a_trained_model_is_looked_into(report, page, args, run):
    """What a model without mlps cannot show."""
    for path in ["generate", "attention", "lens", "attribute", "cache", "dynamics"]:
        page.complaints.clear()
        go(page, path)
        shown = page.value("document.querySelector('main .complaint')?.textContent")
        report.check(f"a trained model's {path}", shown is None and not page.complaints, shown or page.complaints)
    go(page, "lens", "prompt=anna")
    shown = page.value("document.querySelector('.signs')?.textContent")
    report.check("signs are explained", shown == r"Among tokens, \n is the end of a line.", shown)
    go(page, "attention", "exercise=where&model=twins&seed=1")
    page.wait("document.querySelector('.exercise')")
    status = "document.getElementById('status').textContent"
    report.check("an exercise opens its own model", "handmade:twins" in page.value(status), page.value(status))
    page.value("document.querySelector('footer button').click()")
    page.wait(f"!{status}.includes('handmade')")
    report.check("and gives the way back", "1 layer of" in page.value(status), page.value(status))
    page.complaints.clear()
    go(page, "neurons", "L=0&N=3")
    shown = page.value("document.querySelector('main .complaint')?.textContent") or ""
    report.check("neurons want a scan, which a button makes",
                 shown.startswith("There is no scan at ") and 'press "read a text and scan all neurons" above' in shown
                 and "glass " not in shown, shown)
    report.check("and the button is there", page.value("document.querySelector('.make').open"))
    page.click(".make .go")
    page.wait("document.querySelector('section.result .strip')", 120)
    told = json.loads(peer.output_of(args.glass, "interp", "neurons", "show", "0", "3", "--ckpt", run, "--json"))
    shown = page.value("document.querySelector('section.result').textContent")
    best = told["contexts"][0]
    report.check("the strongest moment", f"{best['value']:.3f} at token {best['position']}" in shown,
                 f"{shown[:500]}\n  {best}")
    marked = page.value("document.querySelector('.moment .asked').textContent")
    report.check("the token that is meant", marked == best["token"], f"{marked}, {best}")
    count = "[...document.querySelectorAll('.moments')[0].querySelectorAll('.moment')].filter((m) => m.offsetHeight)"
    before = page.value(count + ".length")
    page.click(".moments > button")
    after = page.value(count + ".length")
    report.check("the others when asked for", (before, after) == (4, len(told["contexts"])), (before, after))
    page.click("section.result a[href='#/neurons']")
    names_lead_to_what_they_name(report, page, "neurons", "What neuron {} stands for")
    go(page, "neurons", "L=0")
    shown = page.value("document.querySelector('section.result').textContent")
    report.check("a layer alone is no question", "Which neuron of layer 0? 0 .. 63." in shown, shown)
    an_autoencoder_is_trained(report, page, args, run)
    a_file_changes(report, page, run)


def fill(page, values, where=""):
    for name, value in values.items():
        page.value("document.querySelector(%s).value = '%s'" % (json.dumps(f"{where}[data-option={name}]"), value))


def names_lead_to_what_they_name(report, page, path, title):
    """The first name of an overview, pressed."""
    first = "section.result td a"
    page.wait(f"document.querySelector('{first}')")
    name = page.value(f"document.querySelector('{first}').textContent")
    page.click(first)
    page.wait("document.querySelector('section.result h2')?.textContent.startsWith('What ')")
    shown = page.value("document.querySelector('section.result h2').textContent")
    report.check(f"{path}: {name} leads to its own page", shown.startswith(title.format(name)), shown)
    page.value("history.back()")
    page.wait(f"document.querySelector('{first}')")


def an_autoencoder_is_trained(report, page, args, run):
    page.complaints.clear()
    go(page, "sae")
    shown = page.value("document.querySelector('section.result .complaint')?.textContent") or ""
    report.check("features want an autoencoder, which a button trains",
                 shown.startswith("There is no autoencoder at ") and 'press "train" above' in shown
                 and "glass " not in shown, shown)
    report.check("and the button is there", page.value("document.querySelector('.make').open"))
    fill(page, {"features": 24, "k": 4, "steps": 1000000}, ".make ")
    page.click(".make .go")
    page.wait("document.querySelector('.make .progress button')", 120)
    page.click(".make .progress button")
    shown = page.value("document.querySelector('.make .result').textContent")
    report.check("a training that is stopped says so", shown == "Stopped; nothing was written.", shown)
    fill(page, {"features": 24, "k": 4, "steps": 40}, ".make ")
    page.click(".make .go")
    page.wait("document.querySelector('.make .result footer')", 120)
    page.wait("document.querySelector('section.result h2')")
    told = json.loads(peer.output_of(args.glass, "interp", "sae", "show", "--ckpt", run, "--json"))
    shown = page.value("document.querySelector('section.result').textContent")
    good = f"explained variance{told['explained_variance']:.4f}"
    report.check("how good it is", good in shown, f"{shown[:600]}\n  {good}")
    if args.pictures:
        page.picture(os.path.join(args.pictures, "features.png"))
    go(page, "sae", f"F={told['rows'][0]['feature'] if 'rows' in told else 0}")
    report.check("a feature", page.value("document.querySelectorAll('section.result .figure').length") > 0)
    names = page.value("[...document.querySelectorAll('section.result td a')].map((a) => a.getAttribute('href'))")
    report.check("neighbours and neurons are links", {name.split("?")[0] for name in names} == {"#/sae", "#/neurons"},
                 names)
    go(page, "sae")
    names_lead_to_what_they_name(report, page, "sae", "What feature {} of")
    page.complaints.clear()   # the first question was refused


def a_file_changes(report, page, run):
    newest = sorted(run.glob("ckpt-*.safetensors"))[-1]
    os.utime(newest, (1, 1))
    go(page, "lens")
    notice = page.value("document.getElementById('notice').textContent")
    report.check("a file that changed is said to have", "has changed since it was opened" in notice, notice)
    page.click("#notice [data-again]")
    page.wait("document.getElementById('notice').textContent === ''")


def end_trainings(folder):
    """A training outlives the page and the server; a test that went wrong must not leave one behind."""
    for lock in folder.glob("*/.lock"):
        number = lock.read_text().strip()
        with contextlib.suppress(OSError):
            if number.isdigit() and "train" in pathlib.Path(f"/proc/{number}/cmdline").read_text():
                os.kill(int(number), signal.SIGKILL)


def a_run_is_trained(report, browser, args, folder):
    """From an empty folder to a model that is open, by buttons alone."""
    runs = folder / "runs"
    try:
        with serving(args, "--runs", runs) as url:
            page = open_page(browser, url)
            train(report, page, args)
            charts_say_whose_lines_they_show(report, page, args, next(runs.iterdir()))
            who_stands_on_a_button_stays_there(report, page)
            look_inside(report, page)
            a_trained_model_is_looked_into(report, page, args, next(runs.iterdir()))
            page.close()
    finally:
        end_trainings(runs)


def train(report, page, args):
    go(page, "train")
    grey = "document.querySelector('[data-option=n-layer]').placeholder"
    page.wait(f"{grey} === '2'")   # of the data set that is chosen at first, names
    page.value("(() => { const box = document.querySelector('[data-option=preset]'); box.value = 'gpt2';"
               " box.dispatchEvent(new Event('change', { bubbles: true })); })()")
    page.wait(f"{grey} === '12'")
    page.value("(() => { const box = document.querySelector('[data-option=preset]'); box.value = '';"
               " box.dispatchEvent(new Event('change', { bubbles: true })); })()")
    page.wait(f"{grey} === '2'")
    report.check("the form shows what data and preset say", True)
    fill(page, {"n-embd": 64, "n-head": 7})
    page.click(".start .go")
    page.wait("document.querySelector('main .complaint')")
    shown = page.value("document.querySelector('main .complaint').textContent")
    report.check("fields by the names of the form", shown == '"n embd" (64) must be a multiple of "n head" (7).', shown)
    page.complaints.clear()   # a browser lists every refused request
    fill(page, {"n-layer": 1, "n-embd": 16, "n-head": 2, "max-iters": 1000000})
    page.value("document.querySelectorAll('.start details').forEach((d) => { d.open = true; })")
    fill(page, {"eval-interval": 200, "eval-iters": 1, "log-interval": 20})
    page.click(".start .go")
    page.wait("document.querySelector('.runs tbody tr')")
    page.wait("document.querySelector('.live .chart .line')", 120)
    for action, state in [("pause", "paused"), ("resume", "running"), ("stop", "idle")]:
        page.wait(f"document.querySelector('[data-action={action}]')")
        page.value(f"document.querySelector('[data-action={action}]').click()")
        page.wait(f"document.querySelector('.runs .state.{state}')", 120)
    page.wait("document.querySelector('[data-action=\"look inside\"]')", 120)
    titles = page.value("[...document.querySelectorAll('.live h3')].map((h) => h.textContent)")
    report.check("a trained run is drawn", "Loss" in titles and "Speed" in titles, titles)
    report.check("nobody complains", not page.complaints, page.complaints)
    if args.pictures:
        page.picture(os.path.join(args.pictures, "train-run.png"))


def charts_say_whose_lines_they_show(report, page, args, run):
    """One hue for each run, a star where it was best, and of the speed a median of what single steps took."""
    chart = ("[...document.querySelectorAll('.live .chart')].find((f) => f.querySelector('h3').textContent === '%s')"
             ".querySelectorAll('%s')")
    go(page, "")   # and back: nothing is drawn again behind a run that has ended
    go(page, "train")
    page.wait("document.querySelectorAll('.live .plot svg').length === 4")   # once it is known how wide they may be
    lines = page.value("[..." + chart % ("Loss", ".plot .line") + "].map((line) => line.getAttribute('class')).sort()")
    report.check("training and held out share a hue", lines == ["line s1 dashed", "line s1 faint"], lines)
    keys = page.value("[..." + chart % ("Loss", ".keys li") + "].map((key) => key.textContent)")
    report.check("the legend says what they are", keys[:2] == [
        f"{run.name}, on text that was held out", f"{run.name}, while training"], keys)
    report.check("and what the star means", keys[2:] == ["★ the lowest loss on text that was held out"], keys)
    report.check("a star for the run", page.value(chart % ("Loss", ".star") + ".length") == 1)
    told = [json.loads(line)["tokens_per_second"] for line in (run / "timing.jsonl").read_text().splitlines()]
    around = [sorted(told[max(0, i - 7):i + 8]) for i in range(len(told))]
    wanted = [(near[(len(near) - 1) // 2] + near[len(near) // 2]) / 2 for near in around]
    shown = [float(row[0]) for row in table_of(page, "Speed")[0]]
    same = len(shown) == min(len(wanted), 1000) and all(near(x, y) for x, y in zip(map(str, shown), wanted))
    report.check("the median of fifteen", same, f"{shown}\n  {wanted}")


def who_stands_on_a_button_stays_there(report, page):
    """The list of runs is drawn again and again; the keyboard does not lose its place."""
    page.value("document.querySelector('.runs input').focus()")
    for shown in (False, True):
        page.key(" ", code="Space", number=32, text=" ")
        page.wait("document.querySelector('.runs input').checked === %s" % json.dumps(shown))
        page.wait("!!document.querySelector('.live .chart') === %s" % json.dumps(shown))
        at = page.value("document.activeElement.dataset.key")
        report.check("the focus stays", (at or "").startswith("show "), at)


def look_inside(report, page):
    page.value("document.querySelector('[data-action=\"look inside\"]').click()")
    page.wait("document.querySelector('main')?.dataset.page === 'model'")
    page.wait("document.getElementById('status').textContent.includes('1 layer of')")
    report.check("and opened", "16 channels" in page.value("document.getElementById('status').textContent"))


if __name__ == "__main__":
    sys.exit(dashboard.run(__doc__, "web_train", with_servers=[a_run_is_trained]))
