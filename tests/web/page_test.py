#!/usr/bin/env python3
"""The dashboard in a real browser: every page opened in light, in dark and on a phone; what it says, and who may ask.

    python3 tests/web/page_test.py --glass build/release/glass [--pictures DIR] [--only NAME] [--web-dir tools/web]

--pictures keeps what the pages look like. Without Chromium the test is skipped.
"""
import json
import os
import sys
import time

import dashboard
from dashboard import CIRCUIT, DONE, PAGES, PROMPT, ROOT, check_look, go, open_page, serving


# What fields say of themselves where one does not see all of it; what is folded away with its field is seen later.
CUT_HINTS = "[...document.querySelectorAll('main .field')].filter((f) => f.offsetHeight).map((f) => " \
    "f.querySelector('small')).filter((hint) => hint?.textContent && (!hint.offsetHeight || " \
    "hint.scrollHeight > hint.clientHeight + 1)).map((hint) => hint.textContent)"
EVIL = "<img src=x onerror=window.hurt=1>"


REFUSING = {"dynamics": "not the folder of a run", "neurons": "no mlps", "sae": "no autoencoder"}


def every_page_opens(report, page, args):
    looks = [("light", 1280, 900, False), ("dark", 1280, 900, True), ("phone", 390, 844, False)]
    for what, width, height, dark in looks:
        page.shape(width, height, dark)
        for path, query in PAGES.items():
            page.complaints.clear()
            go(page, path, query)
            report.check(f"{what} {path}: no complaint", not page.complaints, page.complaints)
            shown = page.value("document.querySelector('main .complaint')?.textContent")
            report.check(f"{what} {path}: it answers", shown is None, shown)
            if query:
                report.check(f"{what} {path}: it draws", page.value("document.querySelectorAll('.figure').length") > 0)
            check_look(report, page, path, what)
            cut = page.value(CUT_HINTS)
            report.check(f"{what} {path}: hints can be read", cut == [], cut)
            if args.pictures:
                page.picture(os.path.join(args.pictures, f"{path or 'start'}-{what}.png"))
        ground = page.value("getComputedStyle(document.body).backgroundColor")
        report.check(f"{what}: the ground", (ground == "rgb(255, 255, 255)") != dark, ground)
    page.shape(1280, 900)


def pages_that_cannot_answer_say_why(report, page, args):
    for path, words in REFUSING.items():
        go(page, path)
        shown = page.value("document.querySelector('main .complaint')?.textContent") or ""
        report.check(f"{path} says why", words in shown, shown)
    page.complaints.clear()   # a browser lists every refused request


def what_was_not_learned_is_not_read(report, page, args):
    """A model by hand has no text to train an autoencoder on: its name stays as it is, and the page names a page."""
    go(page, "sae")
    page.click(".make .go")
    page.wait("document.querySelector('.make .complaint')")
    said = page.value("document.querySelector('.make .complaint').textContent")
    report.check("where to get one", said == "handmade:induction does not say what it learned from; open a run of the page "
                 "Train.", said)
    report.check("a link", page.value("!!document.querySelector('.make .complaint a[href=\"#/train\"]')"))
    page.complaints.clear()   # a browser lists every refused request


def what_is_typed_is_text(report, browser, args, folder):
    """Names of runs and what somebody types: letters, whatever they look like."""
    run = folder / "runs" / EVIL
    run.mkdir(parents=True)
    (run / "metrics.jsonl").write_text('{"step": 0, "train_loss": 3.3, "val_loss": 3.4}\n')
    with serving(args, "--ckpt", CIRCUIT, "--runs", run.parent) as url:
        page = open_page(browser, url)
        names_and_prompts_are_text(report, page)
        page.close()


def names_and_prompts_are_text(report, page):
    go(page, "train")
    names = page.value("[...document.querySelectorAll('.runs tbody th')].map((name) => name.textContent)")
    report.check("the name of a run is text", names == [EVIL], names)
    report.check("no markup is made of it", page.value("document.querySelectorAll('main img').length") == 0)
    go(page, "attention")
    page.value("document.querySelector('[data-option=prompt]').value = %s" % json.dumps(EVIL))
    page.click(".go")
    page.wait("document.querySelector('main .complaint, main .token')")
    time.sleep(0.2)
    page.wait(DONE)
    report.check("no markup is made of it",
                 page.value("document.querySelectorAll('main img').length") == 0 and not page.value("!!window.hurt"))
    shown = page.value("document.querySelector('main .complaint')?.textContent") or ""
    report.check("a sentence says what is wrong", "token" in shown, shown)
    page.complaints.clear()
    page.value("document.querySelector('[data-option=prompt]').value = %s" % json.dumps(PROMPT))
    page.click(".go")
    page.wait("document.querySelector('main .token')")
    report.check("and the page goes on", page.value("document.querySelector('main .complaint')") is None)


def sentences_speak_of_fields(report, page, args):
    """What the commands say of their options, a page says of its fields; a wrong choice in an address is not ignored."""
    def complaints():
        return page.value("[...document.querySelectorAll('main .complaint')].map((one) => one.textContent).join(' / ')")
    go(page, "attention", "prompt=")
    report.check("an empty prompt", 'type a text into "prompt"' in complaints(), complaints())
    go(page, "attention", f"prompt={PROMPT}&layer=99&colour=red")
    report.check("a choice that is not there", '"layer" cannot be 99 here: there are 0, 1' in complaints(), complaints())
    report.check("a field that is not there", 'no "colour"' in complaints(), complaints())
    report.check("the rest is shown", page.value("document.querySelectorAll('main .map').length") > 1)
    page.click(".go")
    page.wait("!document.querySelector('main .complaint')")
    go(page, "generate", "temperature=hot&n=3&seed=5")
    report.check("a knob that cannot be turned so far", '"temperature" cannot be hot' in complaints(), complaints())
    report.check("stays where it was", page.value("document.querySelector('[data-option=temperature]').value") == "0.8")
    page.value("location.hash = '#/nowhere'")
    page.wait("document.querySelector('main .complaint')?.textContent.includes('no page called nowhere')")
    go(page, "patch", "clean=a")
    report.check("the fields are named", '"clean" and "corrupt" belong together' in complaints(), complaints())
    go(page, "heads", "random-models=0&sequences=many&n=8")
    report.check("a number that is none", '"sequences" cannot be many' in complaints(), complaints())
    page.complaints.clear()   # a browser lists every refused request


# What has the focus: its name, whether one sees that (a ring around it, or around what stands for it), and whether
# anything lies over its middle.
FOCUS = """(() => {
  const at = document.activeElement;
  if (at === document.body) return null;
  const ringed = (one) => one && getComputedStyle(one).outlineStyle !== 'none' &&
    parseFloat(getComputedStyle(one).outlineWidth) > 0;
  const part = at.querySelector?.(':scope > rect');
  const box = at.getBoundingClientRect(), x = box.left + box.width / 2, y = Math.min(box.top + 8, box.bottom - 2);
  const over = document.elementFromPoint(Math.min(Math.max(x, 1), innerWidth - 1), y);
  const name = `${at.tagName} ${(at.getAttribute('aria-label') || at.textContent || at.id).slice(0, 30)}`;
  return [name, ringed(at) || ringed(at.nextElementSibling) || !!part && getComputedStyle(part).strokeWidth > '2',
    !!over && (at.contains(over) || over.contains(at) || at.parentNode.contains(over))];
})()"""


def the_keyboard_reaches_what_the_mouse_does(report, page, args):
    """With the Tab key alone: one sees where one is, and comes to the end; on a phone from there back to the top, where
    the list of pages lies over what is scrolled away."""
    for size in ((1280, 900), (390, 844)):
        page.shape(*size)
        back = size[0] < 600
        for path in ("attention", "patch", "circuit", "ablate"):
            go(page, path, PAGES[path])
            stops = []
            page.value("document.querySelector('main').focus()" if not back else
                       "[...document.querySelectorAll('main summary')].at(-1).focus()")
            for _ in range(80):
                page.key("Tab", number=9, shift=back)
                stop = page.value(FOCUS)
                if stop is None or page.value("!document.activeElement.closest('main')"):
                    break
                stops.append(stop)
            names = [name for name, _, _ in stops]
            report.check(f"{size[0]}, {path}: it ends", 10 < len(stops) < 80, names)
            for wanted in ("BUTTON show", "BUTTON copy the command"):
                report.check(f"{size[0]}, {path}: {wanted}", wanted in names, names)
            hidden = [stop for stop in stops if not (stop[1] and stop[2])]
            report.check(f"{size[0]}, {path}: one sees where one is", not hidden, hidden)
    page.shape(1280, 900)


def the_code_stands_behind_every_analysis(report, page, args):
    """Opened by the keyboard; what is marked is the function, and one can see it without scrolling."""
    box = "document.querySelector('main .the-code')"
    for path in [*PAGES, *REFUSING]:
        if path in ("", "model", "generate", "train", "neurons"):   # no analyses; the last has no page without mlps
            continue
        go(page, path, PAGES.get(path, ""))
        page.value(f"{box}.querySelector('summary').focus()")
        page.key("Enter", number=13, text="\r")
        buttons = page.value(f"[...{box}.querySelectorAll('.place-of')].map((one) => one.textContent)")
        for number in range(max(len(buttons), 1)):
            if number > 0:
                page.value(f"{box}.querySelectorAll('.place-of')[{number}].click()")
            # The place that its first line says; how far the marked line is below the top of what can be seen.
            page.wait(f"{box}.querySelector('mark')")
            time.sleep(0.1)   # another file is another question
            place, words, below, room = page.value(f"""(() => {{
              const pre = {box}.querySelector('pre'), mark = pre.querySelector('mark');
              return [pre.getAttribute('aria-label'), mark.textContent,
                mark.getBoundingClientRect().top - pre.getBoundingClientRect().top, pre.clientHeight];
            }})()""")
            file, line = place.split(":")
            written = (ROOT / file).read_text().split("\n")[int(line) - 1]
            report.check(f"the code of {path}: {place}", words == f"{line}{written}\n", f"{words}\n  {written}")
            name = buttons[number] if buttons else ""
            report.check(f"the code of {path}: {name}", f"{name}(" in words, words)
            if args.pictures and number == 0:
                page.picture(os.path.join(args.pictures, f"{path}-code.png"))
            report.check(f"the code of {path}: {name} is in sight", 0 <= below < room - 20, f"{below} of {room} pixels")
    go(page, "attention", PAGES["attention"])
    page.shape(390, 844)
    page.value(f"{box}.open = true")
    page.wait(f"{box}.querySelector('mark')")
    check_look(report, page, "attention", "the code on a phone,")
    page.shape(1280, 900)
    page.complaints.clear()   # a browser lists every refused request


def a_page_without_the_key_says_so(report, browser, args, folder):
    with serving(args, "--ckpt", CIRCUIT) as url:
        page = browser.page()
        page.open(url.split("#")[0])
        page.wait("document.querySelector('main .complaint')")
        shown = page.value("document.querySelector('main').textContent")
        report.check("without the key", "glass serve prints" in shown, shown)
        page.close()


def a_server_comes_and_goes(report, browser, args, folder):
    """What is under way says that it was cut off; the address of the next server works in the same tab."""
    with serving(args, "--ckpt", CIRCUIT) as url:
        page = open_page(browser, url)
        page.value("location.hash = '#/generate?n=100000&prompt=x'")
        page.wait("document.querySelectorAll('.written .token').length > 20")
    page.wait("document.querySelector('main .complaint')")
    shown = page.value("document.querySelector('main .complaint').textContent")
    report.check("a text that was cut off says so", "in the middle of its answer" in shown, shown)
    report.check("and what was written stays", page.value("document.querySelectorAll('.token').length") > 20)
    with serving(args, "--ckpt", CIRCUIT, "--port", url.split(":")[2].split("/")[0]) as url:
        page.open(url)
        page.wait("document.querySelector('.doors')")
        report.check("the next key works in the same tab", "#t=" not in page.value("location.href"))
    page.close()


def two_tabs_open_two_models(report, browser, args, folder):
    """The server has one model open: a tab says which, also where another tab opened it."""
    named = "document.getElementById('status').textContent.includes('%s')"
    with serving(args, "--ckpt", CIRCUIT) as url:
        one, two = browser.page(), browser.page()
        for page in (one, two):
            page.open(url)
            page.wait("document.querySelector('.doors')")
        go(one, "attention", f"prompt={PROMPT}")
        two.click("[data-model='handmade:twins']")
        two.wait(named % "handmade:twins")
        one.click(".go")
        one.wait("document.querySelector('footer.from').textContent.includes('handmade:twins')")
        one.wait(named % "handmade:twins")
        report.check("an answer renames the model", True)
        go(two, "")
        two.click("[data-model='handmade:soft']")
        two.wait(named % "handmade:soft")
        one.value("dispatchEvent(new Event('focus'))")
        one.wait("document.querySelector('#notice [data-anew]')")
        one.click("#notice [data-anew]")
        one.wait("document.querySelector('footer.from')?.textContent.includes('handmade:soft')")
        said = one.value("document.getElementById('notice').textContent")
        report.check("a page of another model is made anew", said == "", said)
        go(one, "model")
        report.check("a page begins with the model that is open", one.value(named % "handmade:soft"))
        one.close()
        two.close()


TESTS = [every_page_opens, pages_that_cannot_answer_say_why, sentences_speak_of_fields, what_was_not_learned_is_not_read,
         the_keyboard_reaches_what_the_mouse_does, the_code_stands_behind_every_analysis]
WITH_SERVERS = [what_is_typed_is_text, a_page_without_the_key_says_so, a_server_comes_and_goes, two_tabs_open_two_models]


if __name__ == "__main__":
    sys.exit(dashboard.run(__doc__, "web_page", TESTS, WITH_SERVERS))
