"""A real browser, driven by its own debugging protocol: Chromium without a window, spoken to through
two pipes. Needs nothing but Python and Chromium.

    with Browser() as browser:
        page = browser.page()
        page.open("http://127.0.0.1:8000/")
        page.wait("document.querySelector('h1')")
        print(page.value("document.title"), page.complaints)
"""
import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time


def find_chromium():
    """Where Chromium is, or None."""
    wanted = [os.environ.get("GLASS_CHROMIUM", ""), "chromium", "chromium-browser", "google-chrome",
              "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"]
    return next((path for name in wanted if name and (path := shutil.which(name))), None)


class BrowserError(Exception):
    pass


class Browser:
    """One process; pages share nothing but it."""

    def __init__(self):
        self._home = tempfile.mkdtemp(prefix="glass-web-")
        their_in, our_out = os.pipe()
        our_in, their_out = os.pipe()
        command = [find_chromium(), "--headless=new", "--remote-debugging-pipe", "--no-first-run",
                   "--disable-gpu", "--disable-dev-shm-usage", "--disable-extensions",
                   "--disable-background-networking", "--disable-component-update", "--disable-sync",
                   "--hide-scrollbars", "--force-device-scale-factor=1", f"--user-data-dir={self._home}"]
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            command.append("--no-sandbox")   # there is no sandbox for root
        # The protocol is spoken on the descriptors 3 and 4; above them first, so that none is lost.
        high_in, high_out = os.dup(their_in), os.dup(their_out)
        while high_in < 10:
            high_in = os.dup(high_in)
        while high_out < 10:
            high_out = os.dup(high_out)

        def hand_over():
            os.dup2(high_in, 3)
            os.dup2(high_out, 4)

        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                         stderr=subprocess.DEVNULL, preexec_fn=hand_over,
                                         pass_fds=(3, 4, high_in, high_out), start_new_session=True)
        for end in (their_in, their_out, high_in, high_out):
            os.close(end)
        self._in, self._out, self._kept, self._number = our_in, our_out, b"", 0
        self._pages = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(BrowserError, OSError):
            self.ask("Browser.close", within=10)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        os.close(self._out)
        shutil.rmtree(self._home, ignore_errors=True)

    def _read(self, until):
        """The next message; None where none comes in time."""
        while b"\0" not in self._kept:
            ready, _, _ = select.select([self._in], [], [], max(0, until - time.monotonic()))
            if not ready:
                return None
            more = os.read(self._in, 1 << 20)
            if not more:
                raise BrowserError("the browser ended")
            self._kept += more
        message, _, self._kept = self._kept.partition(b"\0")
        return json.loads(message)

    def ask(self, method, session=None, within=120, **params):
        """One command and its answer; events that come meanwhile go to their pages."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        until = time.monotonic() + within
        while (said := self._read(until)) is not None:
            if said.get("id") == message["id"]:
                if "error" in said:
                    raise BrowserError(f"{method}: {said['error']['message']}")
                return said["result"]
            self._hear(said)
        raise BrowserError(f"{method}: no answer within {within} s")

    def _hear(self, event):
        page = self._pages.get(event.get("sessionId"))
        if page:
            page._hear(event["method"], event["params"])

    def page(self, width=1280, height=900, dark=False):
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        page = self._pages[session] = Page(self, session, target)
        for domain in ("Page", "Runtime", "Log", "Network"):
            page.ask(f"{domain}.enable")
        page.shape(width, height, dark)
        return page


class Page:
    def __init__(self, browser, session, target):
        self._browser, self._session, self._target = browser, session, target
        self.complaints = []   # errors of scripts, of the console, and refused requests

    def ask(self, method, **params):
        return self._browser.ask(method, session=self._session, **params)

    def close(self):
        self._browser.ask("Target.closeTarget", targetId=self._target)

    def _hear(self, method, params):
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.complaints.append(" ".join(str(a.get("value", a.get("description", "")))
                                            for a in params["args"]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            entry = params["entry"]
            self.complaints.append(f"{entry['text']} {entry.get('url', '')}".strip())

    def shape(self, width, height, dark=False, still=True):
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=1, mobile=width < 600)
        self.ask("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"},
            {"name": "prefers-reduced-motion", "value": "reduce" if still else "no-preference"}])

    def open(self, url):
        self.ask("Page.navigate", url=url)

    def value(self, expression):
        """What a JavaScript expression is, promises awaited."""
        said = self.ask("Runtime.evaluate", expression=expression, returnByValue=True,
                        awaitPromise=True, userGesture=True)
        if "exceptionDetails" in said:
            details = said["exceptionDetails"]
            text = details.get("exception", {}).get("description", details["text"])
            raise BrowserError(f"{expression}: {text}")
        return said["result"].get("value")

    def wait(self, expression, within=60):
        """Until the expression is true."""
        until = time.monotonic() + within
        while True:
            try:
                if self.value(f"!!({expression})"):
                    return
            except BrowserError as error:
                if "navigated" not in str(error) and "Cannot find" not in str(error):
                    raise
            if time.monotonic() > until:
                raise BrowserError(f"never true: {expression}")
            time.sleep(0.05)

    def place(self, selector):
        """The middle of the first element of that kind, scrolled to."""
        found = self.value(
            "(() => { const e = document.querySelector(%s); if (!e) return null;"
            " e.scrollIntoView({block: 'center'}); const b = e.getBoundingClientRect();"
            " return [b.left + b.width / 2, b.top + b.height / 2]; })()" % json.dumps(selector))
        if found is None:
            raise BrowserError(f"there is no {selector}")
        return found

    def move(self, x, y):
        self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click(self, selector):
        x, y = self.place(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def key(self, name, code=None, number=0, text="", shift=False):
        """`text`: what the key writes; a summary opens at an Enter that writes a line end."""
        for kind in ("keyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=name, code=code or name, text=text,
                     windowsVirtualKeyCode=number, modifiers=8 if shift else 0)

    def picture(self, path, whole=True):
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        width = self.value("innerWidth")
        area = {"x": 0, "y": 0, "width": width, "scale": 1, "height": min(size["height"], 8000)}
        more = {"captureBeyondViewport": True, "clip": area} if whole else {}
        data = self.ask("Page.captureScreenshot", format="png", **more)["data"]
        with open(path, "wb") as file:
            file.write(base64.b64decode(data))
