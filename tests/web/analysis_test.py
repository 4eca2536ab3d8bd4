#!/usr/bin/env python3
"""The analyses in a real browser: their controls used, their numbers held to those of the commands.

    python3 tests/web/analysis_test.py --glass build/release/glass [--pictures DIR] [--only NAME] [--web-dir tools/web]

Without Chromium the test is skipped.
"""
import json
import re
import shlex
import sys
import time

import dashboard
from dashboard import DONE, IDLE, PAGES, PROMPT, ROOT, check_grid, command, go, near, table_of


def numbers_are_those_of_the_commands(report, page, args):
    glass = args.glass
    told = command(glass, "attention", "--prompt", PROMPT)
    go(page, "attention", f"prompt={PROMPT}")
    shown = table_of(page, "All heads, a row for each layer")
    heads = [head for layer in told["attention"] for head in layer]
    report.check("a table for each head", shown is not None and len(shown) == len(heads), shown)
    for number, (table, head) in enumerate(zip(shown or [], heads)):
        future = [[x if k <= q else None for k, x in enumerate(row)] for q, row in enumerate(head)]
        check_grid(report, f"attention of head {number}", table, future)

    go(page, "patch")
    for mode, title in (("denoise", "Denoise: what suffices"), ("noise", "Noise: what is needed")):
        told = command(glass, "patch", "--site", "resid_pre", "--mode", mode)
        check_grid(report, f"the {mode} grid", (table_of(page, title) or [None])[0], told["grid"])

    told = command(glass, "path")
    go(page, "path")
    def layer(name):
        return int(name.split(".")[0]) if name[0].isdigit() else 99 if name == "logits" else -1
    upwards = [[x if layer(column) > layer(row) else None for column, x in zip(told["columns"], line)]
               for row, line in zip(told["rows"], told["grid"])]   # what leads downwards is no path
    check_grid(report, "the paths", (table_of(page, "All paths") or [None])[0], upwards)

    words = "--random-models 2 --sequences 2 --n 12".split()
    told = command(glass, "induction", *words)
    go(page, "induction", PAGES["induction"])
    best = told["scores"][0]
    badge = page.value("document.querySelector('.badge')?.textContent") or ""
    report.check("the badge", f"Head {best['layer']}.{best['head']}: real" in badge, badge)
    shown = (table_of(page, "Score by layer and head") or [None])[0]
    grid = [[0.0] * told["heads"] for _ in range(told["layers"])]
    for score in told["scores"]:
        grid[score["layer"]][score["head"]] = score["score"]
    check_grid(report, "induction scores", shown, grid)


def both_grids_are_read_together(report, page, args):
    """One press asks for both; cells are sorted by what both say; the pointer marks the same cell in both."""
    go(page, "patch")
    tops = "[...document.querySelectorAll('.pair .map')].map((map) => map.getBoundingClientRect().top)"
    report.check("side by side", len(set(page.value(tops))) == 1, page.value(tops))
    page.value("(() => { const site = document.querySelector('[data-option=site]'); site.value = 'z'; })()")
    page.click(".go")
    time.sleep(0.3)
    page.wait(DONE)
    commands = page.value("[...document.querySelectorAll('footer.from code')].map((line) => line.textContent)")
    report.check("two commands", len(commands) == 2 and "site=z" in commands[0] and "mode=noise" in commands[1],
                 commands)
    alone, without = (command(args.glass, "patch", "--site", "z", "--mode", mode)["grid"]
                      for mode in ("denoise", "noise"))
    shown = page.value("Object.fromEntries([...document.querySelectorAll('.pair-read li')].map((line) => "
                       "[line.querySelector('b').textContent, line.querySelector('.cells').textContent]))")
    wanted = {"enough and needed": set(), "enough, not needed": set(), "needed, not enough": set(),
              "a part of it": set()}
    for r, row in enumerate(alone):
        for c, x in enumerate(row):
            y = without[r][c]
            kind = ("enough and needed" if min(x, y) >= 0.7 else "enough, not needed" if x >= 0.7 else
                    "needed, not enough" if y >= 0.7 else "a part of it" if max(x, y) >= 0.1 else None)
            if kind:
                wanted[kind].add(f"layer {r}, head {c}")
    told = {name: set(re.findall(r"layer \d+, head \d+", cells)) for name, cells in shown.items()}
    report.check("cells by what they are", told == wanted and any(wanted.values()), f"{shown}\n  {wanted}")
    page.value("document.querySelector('.pair .map').focus()")
    page.key("ArrowDown", number=40)
    marks = page.value("[...document.querySelectorAll('.pair .marker')].map((one) => "
                       "one.getAttribute('visibility') + one.getAttribute('x') + one.getAttribute('y'))")
    report.check("the same cell in both", len(marks) == 2 and len(set(marks)) == 1 and "visible" in marks[0], marks)
    page.shape(390, 844)
    report.check("one above the other on a phone", len(set(page.value(tops))) == 2, page.value(tops))
    page.shape(1280, 900)


def fields_hold_what_was_compared(report, page, args):
    """The texts of a result stand in the form, and one of them can be changed alone."""
    def commands():
        return page.value("[...document.querySelectorAll('footer.from code')].map((line) => line.textContent)")

    told = command(args.glass, "patch")["typed"]
    for path, query in (("patch", ""), ("path", ""), ("circuit", "random=2")):
        go(page, path, query)
        shown = page.value("Object.fromEntries(%s.map((name) => [name, document.querySelector("
                           "`[data-option=${name}]`).value]))" % json.dumps(sorted(told)))
        report.check(f"the fields of {path}", shown == told, f"{shown}\n  {told}")
        report.check(f"{path} asks for nothing more", "--clean" not in "".join(commands()), commands())
    go(page, "patch")
    page.value("document.querySelector('[data-option=foil]').value = 'N'")
    page.click(".go")
    page.wait("document.querySelector('footer.from code').textContent.includes('--foil')")
    words = shlex.split(commands()[0])
    report.check("what belongs together is asked together",
                 {f"--clean={told['clean']}", f"--corrupt={told['corrupt']}", "--foil=N"} < set(words) and
                 not any(word.startswith("--target") for word in words), words)


def a_cell_says_its_number(report, page, args):
    told = command(args.glass, "attention", "--prompt", PROMPT)["attention"][1][0]
    go(page, "attention", f"prompt={PROMPT}")
    map_1_0 = "[...document.querySelectorAll('.maps figure')].find((f) => f.innerText.startsWith('1.0'))" \
              ".querySelector('.map')"
    page.value(f"{map_1_0}.scrollIntoView({{block: 'center'}})")
    left, top, width, height = page.value(
        f"(() => {{ const b = {map_1_0}.querySelector('.frame').getBoundingClientRect();"
        " return [b.left, b.top, b.width, b.height]; })()")
    tip = "(document.getElementById('tip').hidden ? null : document.getElementById('tip').textContent)"
    for row, column in [(6, 2), (7, 3), (0, 0)]:
        page.move(left + (column + 0.5) * width / 8, top + (row + 0.5) * height / 8)
        said = page.value(tip) or ""
        report.check(f"the pointer on row {row}, column {column}",
                     said.startswith(f"{PROMPT[row]}, {PROMPT[column]}:") and near(said.split()[-1], told[row][column]),
                     f"{said}, {told[row][column]}")
    page.move(2, 2)
    report.check("nothing is said beside the map", page.value(tip) is None, page.value(tip))

    page.value("document.querySelector('[data-option=each-row]').click()")
    page.wait(f"{map_1_0}.querySelector('.frame')")
    page.move(left + 2.5 * width / 8, top + 6.5 * height / 8)
    said = page.value(tip) or ": 1e9"
    report.check("colours by row change no number", near(said.split()[-1], told[6][2]), said)
    page.move(2, 2)

    page.value(f"{map_1_0}.focus()")
    for name, number in [("ArrowDown", 40), ("ArrowDown", 40), ("ArrowRight", 39)]:
        page.key(name, number=number)
    said = page.value("document.getElementById('said').textContent")
    report.check("arrow keys read cells aloud", near(said.split()[-1], told[1][1]) and said == page.value(tip), said)
    page.key("Enter", number=13)
    report.check("Enter enlarges", page.value("document.querySelector('dialog[open] h2')?.textContent") == "1.0")
    page.key("Escape", number=27)
    page.wait("!document.querySelector('dialog')")
    page.click(".maps .map")
    report.check("a click enlarges", page.value("!!document.querySelector('dialog[open] table, dialog[open] .map')"))
    page.click("dialog header button")
    page.wait("!document.querySelector('dialog')")


def colours_are_those_of_the_commands(report, page, args):
    rows = [line.split() for line in (ROOT / "tests" / "web" / "colours.txt").read_text().splitlines()
            if not line.startswith("#")]
    shown = page.value("""import('/colours.js').then(({ colour_at, css }) => %s.map((share) =>
      [['rising', 'paper'], ['rising', 'terminal'], ['diverging', 'paper'], ['diverging', 'terminal']]
        .map(([map, ground]) => css(colour_at(map, share, ground)))))""" % json.dumps([float(r[0]) for r in rows]))
    wrong = [(row, colours) for row, colours in zip(rows, shown) if row[1:] != colours]
    report.check("colours of maps", len(rows) == 33 and not wrong, wrong[:3])


def every_control_answers(report, page, args):
    for path in ["attention", "lens", "patch", "path", "composition", "ablate"]:
        go(page, path, PAGES[path])
        choices = page.value("[...document.querySelectorAll('.options > .fields .segments input, "
                             ".options > .fields select option')].length")
        for i in range(choices):
            name = page.value("""(() => {
              const one = [...document.querySelectorAll('.options > .fields .segments input, ' +
                '.options > .fields select option')][%d];
              if (one.type === 'radio') one.click();
              else {
                one.parentNode.value = one.value;
                one.parentNode.dispatchEvent(new Event('change', { bubbles: true }));
              }
              return one.value;
            })()""" % i)
            time.sleep(0.2)
            page.wait(DONE)
            shown = page.value("document.querySelector('main .complaint')?.textContent")
            report.check(f"{path}: {name!r}", shown is None or "no mlp" in shown, shown)   # this model has none
    page.complaints.clear()


def heads_are_switched_off(report, page, args):
    told = command(args.glass, "ablate", "--prompt", PROMPT, "--heads", "0.0,1.0")
    go(page, "ablate", f"prompt={PROMPT}&heads=0.0")
    page.click(".switch[data-head='1.0']")
    time.sleep(0.3)
    page.wait(DONE)
    report.check("the address says it", "heads=0.0%2C1.0" in page.value("location.hash"), page.value("location.hash"))
    report.check("the switch is down", page.value("document.querySelector(\".switch[data-head='1.0']\")"
                                                  ".getAttribute('aria-pressed')") == "true")
    shown = page.value("[...document.querySelectorAll('.table tbody tr')].map((row) => "
                       "[...row.cells].map((cell) => cell.textContent))")
    expected = [[f"{old['prob']:.3f}", f"{new['prob']:.3f}"]
                for old, new in zip(told["baseline_top"], told["ablated_top"])]
    report.check("before and after", [[row[1], row[3]] for row in shown] == expected, f"{shown}\n  {expected}")
    page.value("history.back()")
    page.wait("document.querySelector(\".switch[data-head='1.0']\").getAttribute('aria-pressed') === 'false'")
    report.check("the way back works", True)


def who_leaves_ends_the_analysis(report, page, args):
    """Minutes of work, given up twice: the next question need not wait for it."""
    go(page, "model")
    for leave in ("location.hash = '#/lens?prompt=%s'" % PROMPT, "document.querySelector('.progress button').click()"):
        page.value("location.hash = '#/circuit?random=100000'")
        page.wait("document.querySelector('main')?.dataset.page === 'circuit'")
        page.wait("document.querySelector('.result[aria-busy]')")
        if "button" in leave:
            page.value("document.querySelector('.result[aria-busy]') && true")
            page.wait("document.querySelector('.progress button')")
            words = page.value("document.querySelector('.progress').textContent")
            report.check("how far it is", " of " in words, words)
        page.value(leave)
        page.wait(IDLE)
    go(page, "lens", f"prompt={PROMPT}")
    report.check("others are answered", page.value("document.querySelectorAll('main .figure').length") > 0)


def only_the_newest_answer_counts(report, page, args):
    go(page, "patch", "site=resid_pre")
    page.value("""(() => { for (const site of ['v', 'q', 'z', 'attn_out']) {
      const select = document.querySelector('[data-option=site]');
      select.value = site;
      select.dispatchEvent(new Event('change', { bubbles: true }));
    } })()""")
    time.sleep(0.5)
    page.wait(DONE)
    shown = page.value("document.querySelector('.command code').textContent")
    report.check("the last choice is shown", "attn_out" in shown, shown)


TESTS = [numbers_are_those_of_the_commands, both_grids_are_read_together,
         fields_hold_what_was_compared, a_cell_says_its_number,
         colours_are_those_of_the_commands, every_control_answers, heads_are_switched_off, who_leaves_ends_the_analysis,
         only_the_newest_answer_counts]


if __name__ == "__main__":
    sys.exit(dashboard.run(__doc__, "web_analysis", TESTS))
