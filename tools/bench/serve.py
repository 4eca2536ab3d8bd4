#!/usr/bin/env python3
"""What the dashboard costs:  python3 tools/bench/serve.py [--glass build/release/glass]

Starts `glass serve`, and a `glass train` in a session of its own, as the page would, and measures

  painted    a browser that opens the page: when something of it is seen, and when the largest part is (with Chromium)
  polls      64 clients that ask for something small once a second: errors, how long they wait, what it costs the server
  flat out   8 clients that ask for the same as fast as they can: processor time of the server for one request
  saturated  64 clients that ask for an analysis as fast as they can: what the trainer keeps of its speed

Steps a second are honest only on a machine that has nothing else to do; processor time is on any. Linux only.
"""
import argparse
import http.client
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "web"))
from browser import Browser, find_chromium  # noqa: E402


def cpu_seconds(process):
    """Of all its threads so far; nanoseconds in the first column."""
    folder = pathlib.Path(f"/proc/{process.pid}/task")
    return sum(int((task / "schedstat").read_text().split()[0]) for task in folder.iterdir()) / 1e9


class Server:
    def __init__(self, glass, folder):
        self.process = subprocess.Popen([glass, "serve", "--ckpt", "handmade:induction", "--runs", folder],
                                        stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.address = self.process.stdout.readline().strip()
        self.host, self.token = self.address.removeprefix("http://").split("/#t=")

    def ask(self, connection, path, body):
        headers = {"X-Glass-Token": self.token, "Content-Type": "application/json"}
        connection.request("GET" if body is None else "POST", path, body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status == 200

    def clients(self, count, seconds, pause, path, body=None):
        """(answers, errors, waits in ms sorted) of so many clients, each with a connection of its own."""
        waits, errors, until = [], [], time.monotonic() + seconds

        def client(number):
            time.sleep(pause * number / count)
            connection = http.client.HTTPConnection(self.host, timeout=60)
            while time.monotonic() < until:
                began = time.monotonic()
                try:
                    fine = self.ask(connection, path, body)
                except (http.client.HTTPException, OSError):   # a thousand answers are all of a connection
                    connection.close()
                    fine = self.ask(connection, path, body)
                (waits if fine else errors).append(1000 * (time.monotonic() - began))
                time.sleep(pause)
            connection.close()

        threads = [threading.Thread(target=client, args=(number,)) for number in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return len(waits), len(errors), sorted(waits) or [0]


# Of what has been painted until now: the largest part, which comes last.
LARGEST = """new Promise((said) => new PerformanceObserver((list) => said(list.getEntries().at(-1).startTime))
    .observe({ type: 'largest-contentful-paint', buffered: true }))"""


def paints(server, times=9):
    """[ms until something is seen], [ms until the largest part is], sorted; each in a new tab."""
    first, largest = [], []
    with Browser() as browser:
        for number in range(times + 1):
            page = browser.page()
            page.open(server.address)
            page.wait("performance.getEntriesByName('first-contentful-paint').length && "
                      "document.querySelector('main h1')")
            time.sleep(0.5)
            if number > 0:   # the first one also starts the browser
                first.append(page.value("performance.getEntriesByName('first-contentful-paint')[0].startTime"))
                largest.append(page.value(LARGEST))
            page.close()
    return sorted(first), sorted(largest)


class Trainer:
    def __init__(self, glass, folder):
        self.timing = pathlib.Path(folder) / "run" / "timing.jsonl"
        command = [glass, "train", "--out", folder + "/run", "--steps", "1000000"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        start_new_session=True)
        while self.steps() < 5:
            if self.process.poll() is not None:
                sys.exit(f"{' '.join(command)} ended with {self.process.returncode}")
            time.sleep(0.1)

    def steps(self):
        return len(self.timing.read_bytes().splitlines()) if self.timing.exists() else 0


def rates(server, trainer, act):
    """Steps, and processor seconds of both, for each second that act() takes."""
    def now():
        return trainer.steps(), cpu_seconds(trainer.process), cpu_seconds(server.process), time.monotonic()
    before, result, after = now(), act(), now()
    *counted, seconds = [b - a for a, b in zip(before, after)]
    return result, [count / seconds for count in counted]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--glass", default="build/release/glass")
    parser.add_argument("--seconds", type=float, default=10, help="for each of the measurements")
    args = parser.parse_args()
    if not os.path.exists(args.glass):
        sys.exit(f"{args.glass} is not there; build it, or name it with --glass")
    with tempfile.TemporaryDirectory() as folder:
        server = Server(args.glass, folder)
        try:
            measure(server, args, folder)
        finally:
            server.process.terminate()
            server.process.wait()


def measure(server, args, folder):
    small, analysis = "/api/status", ("/api/interp/attention", json.dumps({"tokens": ",".join(map(str, range(1, 31)))}))
    before = cpu_seconds(server.process)
    answers, errors, _ = server.clients(8, args.seconds, 0, small)
    print(f"flat out   {1e6 * (cpu_seconds(server.process) - before) / answers:.0f} us of processor time a request, "
          f"{errors} errors of {answers}")
    if find_chromium() is not None:
        first, largest = paints(server)
        print(f"painted    {len(first)} times: something after {first[len(first) // 2]:.0f} ms ({first[-1]:.0f} at most), "
              f"the largest part after {largest[len(largest) // 2]:.0f} ms ({largest[-1]:.0f} at most)")
    trainer = Trainer(args.glass, folder)
    try:
        _, before = rates(server, trainer, lambda: time.sleep(args.seconds / 2))
        (answers, errors, waits), polled = rates(server, trainer, lambda: server.clients(64, args.seconds, 1, small))
        _, after = rates(server, trainer, lambda: time.sleep(args.seconds / 2))
        alone = (before[0] + after[0]) / 2
        step_alone = 1000 * (before[1] + after[1]) / (before[0] + after[0])
        print(f"polls      {errors} errors of {answers}, half within {waits[len(waits) // 2]:.1f} ms, "
              f"99 % within {waits[len(waits) * 99 // 100]:.1f} ms; the server takes {100 * polled[2]:.2f} % of a "
              f"processor; the trainer makes {polled[0]:.1f} steps a second, alone {alone:.1f}, and a step takes "
              f"{1000 * polled[1] / polled[0]:.1f} ms of processor time, alone {step_alone:.1f}")
        (answers, errors, _), full = rates(server, trainer, lambda: server.clients(64, args.seconds, 0, *analysis))
        print(f"saturated  {answers} analyses, {errors} errors; of the processor time of both the trainer has "
              f"{100 * full[1] / (full[1] + full[2]):.0f} %; it makes {full[0]:.1f} steps a second, alone {alone:.1f}")
    finally:
        trainer.process.terminate()
        trainer.process.wait()


if __name__ == "__main__":
    main()
