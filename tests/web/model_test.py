#!/usr/bin/env python3
"""Model in a real browser: boxes down to the weights, and a training step as `glass trace` prints it.

    python3 tests/web/model_test.py --glass build/release/glass [--pictures DIR] [--only NAME] [--web-dir tools/web]

Without Chromium the test is skipped.
"""
import json
import os
import re
import shlex
import sys

import dashboard
import peer
from dashboard import PROMPT, ROOT, check_look, go


def boxes_open_down_to_the_weights(report, page, args):
    go(page, "model")
    for selector in (".box.block", ".box.block .box.work", ".box.block .box.work .leaf"):
        page.value("document.querySelector(%s).open = true" % json.dumps(selector))
        page.wait(f"document.querySelector({json.dumps(selector)}).childElementCount > 1")
    page.wait("document.querySelector('.leaf .map')")
    report.check("a map of weights", page.value("document.querySelector('.leaf .map').getAttribute('aria-label')")
                 .startswith("transformer.h.0.attn.c_attn.weight: q of head 0"))
    report.check("and how they are spread", page.value("document.querySelectorAll('.leaf .column').length") == 48)
    page.value("document.querySelector('.leaf .the-code').open = true")
    page.wait("document.querySelector('.leaf mark')")
    marked = page.value("document.querySelector('.leaf mark').textContent")
    report.check("and where they are made", '"attn.c_attn"' in marked, marked)


def a_step_is_recorded(report, page, args):
    """The tape of the Model page: every node once, folded by block; numbers lead to nodes, and nodes to the code."""
    go(page, "model")
    page.value("document.querySelector('[data-option=tape]').value = %s" % json.dumps(PROMPT))
    page.click("form:has([data-option=tape]) .go")
    page.wait("document.querySelectorAll('.figure .result > .box').length > 2")
    boxes = "[...document.querySelectorAll('.figure .result > .box')]"
    titles = page.value(boxes + ".map((box) => box.querySelector('b').textContent)")
    report.check("folded by block", titles == ["before the blocks", "block 0", "block 1", "behind the blocks"], titles)
    report.check("nothing is unfolded", page.value("document.querySelectorAll('.tape').length") == 0)
    page.value(boxes + ".forEach((box) => { box.open = true; })")
    page.wait("document.querySelectorAll('.tape').length === 4")
    rows = page.value("[...document.querySelectorAll('.tape tbody tr')].map((row) => [row.dataset.node, "
                      "row.cells[1].textContent.replace(/^.* weight$/, `${row.cells[1].title} weight`), "
                      "row.cells[3].textContent, row.cells[4].textContent, "
                      "row.cells[7].textContent])")
    line = page.value("document.querySelector('[aria-label=\"the tape\"] .command code').textContent")
    told = json.loads(peer.output_of(args.glass, *shlex.split(line)[1:], "--json", "--threads", "1"))["nodes"]
    shown = page.value("[...document.querySelectorAll('.tape tbody tr')].map((row) => "
                       "[8, 9].map((c) => Number(row.cells[c].textContent)))")
    good = len(shown) == len(told) and all(abs(x - y) <= 6e-4 * abs(y) for row, node in zip(shown, told)
                                           for x, y in zip(row, (node["value"], node["grad"])))
    report.check("what glass trace prints", good, f"{shown}\n  {told}")
    report.check("every node once", [row[0] for row in rows] == [str(i) for i in range(len(rows))], rows)
    made = {(int(i), int(row[0])) for row in rows for i in re.findall(r"%(\d+)", row[2])}
    read = {(int(row[0]), int(i)) for row in rows for i in re.findall(r"%(\d+)", row[3])}
    report.check("who reads whom", made == read and len(made) > 10, f"{made}\n  {read}")
    weights = [row[1] for row in rows if row[1].endswith(" weight")]
    told = page.value("document.querySelector('[aria-label=\"the tape\"] p').textContent")
    report.check("weights", f"{len(weights)} of them weights" in told and len(set(weights)) == len(weights), told)
    page.value("document.querySelectorAll('.figure .result > .box').forEach((box) => { box.open = false; })")
    page.value("document.querySelectorAll('.figure .result > .box')[3].open = true")
    number = page.value("""(() => {
      const last = document.querySelector('.figure .result > .box:last-of-type');
      const first = Number(last.querySelector('[data-node]').dataset.node);
      const to = [...last.querySelectorAll('.node-link')].find((one) => Number(one.textContent.slice(1)) < first);
      to.click();
      return to.textContent.slice(1);
    })()""")
    report.check("a number leads to its node", page.value("document.activeElement.dataset.node") == number)
    report.check("which is unfolded", page.value("!!document.activeElement.closest('details[open]')"))
    page.value("document.querySelector('.tape .quiet').click()")
    page.wait("document.querySelector('.tape mark')")
    place, words = page.value("[document.querySelector('.tape pre').getAttribute('aria-label'), "
                              "document.querySelector('.tape mark').textContent]")
    file, line = place.split(":")
    report.check("the code", words == f"{line}{(ROOT / file).read_text().splitlines()[int(line) - 1]}\n", words)
    check_look(report, page, "model", "the tape")
    if args.pictures:
        page.picture(os.path.join(args.pictures, "tape.png"))
    page.shape(390, 844, True)
    check_look(report, page, "model", "the tape on a phone")
    if args.pictures:
        page.picture(os.path.join(args.pictures, "tape-phone.png"))
    page.shape(1280, 900)
    page.value("document.querySelector('[data-option=tape]').value = 'x'")
    page.click("form:has([data-option=tape]) .go")
    page.wait("document.querySelector('main .complaint')")
    said = page.value("document.querySelector('main .complaint').textContent")
    report.check("one token is no step", "two tokens at least" in said, said)
    page.complaints.clear()   # a browser lists every refused request


if __name__ == "__main__":
    sys.exit(dashboard.run(__doc__, "web_model", [boxes_open_down_to_the_weights, a_step_is_recorded]))
