"""What the scripts of this folder share: peers that wait in processes of their own, and taking turns with them.

Absolute times move with whatever else the machine does, so a ratio only counts when both sides ran in the same minutes.
Every contender gets a turn, then the next one, and so on, round after round; the ratio of a round is the ratio of two
neighbours, and what we print is the median over the rounds.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def find_glass(said):
    for path in [said] if said else [f"{ROOT}/build/release/glass", f"{ROOT}/build/glass"]:
        if os.access(path, os.X_OK):
            return path
    sys.exit(f"error: {said or ROOT + '/build/release/glass'} is not there; build it, or name it with --glass.")


def need_torch():
    """PyTorch's version; without PyTorch there is nothing to compare with, which is no failure."""
    done = subprocess.run([sys.executable, "-c", "import torch; print(torch.__version__)"], capture_output=True, text=True)
    if done.returncode != 0:
        print("skipped: PyTorch is not installed, so there is nothing to compare with (pip install torch).")
        sys.exit(0)
    return done.stdout.strip()


def options(text, **more):
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--glass", help="the program; default build/glass or build/release/glass")
    parser.add_argument("--threads", type=int, default=0, help="0: one for each core")
    parser.add_argument("--rounds", type=int, default=0, help="turns of every contender; 0: each case has its own number")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    parser.add_argument("--markdown", action="store_true", help="tables for a README")
    for name, how in more.items():
        parser.add_argument("--" + name, **how)
    args = parser.parse_args()
    args.glass = find_glass(args.glass)
    args.threads = args.threads or len(os.sched_getaffinity(0))
    return args


def need_names(asked, *tables):
    for name in asked:
        if not any(name in table for table in tables):
            sys.exit(f"error: there is no {name!r}; see --help.")


# ---- settings of PyTorch ------------------------------------------------------------------------

# MKL asks whether the processor is Intel's before it takes its AVX-512 kernels. Elsewhere it multiplies matrices a fifth
# slower; a library that answers in its place changes that. This is the setting a user can find on the net.
INTEL = "int mkl_serv_intel_cpu_true(void) { return 1; }\n"


def intel_answer():
    """The path of such a library, compiled once, or None."""
    path = os.path.join(tempfile.gettempdir(), f"glass-bench-intel-{os.getuid()}.so")
    if os.path.exists(path):
        return path
    with tempfile.NamedTemporaryFile("w", suffix=".c") as source:
        source.write(INTEL)
        source.flush()
        try:
            done = subprocess.run(["cc", "-shared", "-fPIC", "-o", path, source.name], capture_output=True)
        except OSError:
            return None
    return path if done.returncode == 0 else None


def library(name):
    for folder in ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib"]:
        if os.path.exists(f"{folder}/{name}"):
            return f"{folder}/{name}"
    return None


def tuned_environment(notes):
    """What makes PyTorch fast before it starts; `notes` gets what could not be had."""
    preload, environment = [], {}
    intel, jemalloc = intel_answer(), library("libjemalloc.so.2")
    if intel:
        preload.append(intel)
    else:
        notes.append("no C compiler, so MKL keeps its slower kernels on processors that are not Intel's")
    if jemalloc:      # keeps what it was given, in huge pages: fresh pages are what makes large batches slow
        preload.append(jemalloc)
        environment["MALLOC_CONF"] = "thp:always,metadata_thp:auto,dirty_decay_ms:-1,muzzy_decay_ms:-1,oversize_threshold:0"
    else:
        notes.append("libjemalloc.so.2 is not installed (Debian: libjemalloc2), so PyTorch uses malloc as it is")
    if preload:
        environment["LD_PRELOAD"] = " ".join(preload)
    return environment


# ---- contenders ---------------------------------------------------------------------------------

class Worker:
    """A peer that waits in a process of its own, keeps what it built, and answers how long n runs took."""

    def __init__(self, name, script, spec, environment):
        self.name, self.rss = name, 0
        self.process = subprocess.Popen([sys.executable, os.path.join(HERE, script), json.dumps(spec)], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env=dict(os.environ, **environment))
        self.why_not = None
        if self.process.stdout.readline().strip() != "ready":
            lines = self.process.stderr.read().strip().splitlines()
            self.why_not = lines[-1] if lines else "it did not start"

    def turn(self, runs):
        """Milliseconds of each of so many runs."""
        try:
            self.process.stdin.write(f"{runs}\n")
            self.process.stdin.flush()
            answer = json.loads(self.process.stdout.readline())
        except (BrokenPipeError, ValueError):
            sys.exit(f"error: PyTorch ({self.name}) ended in the middle of a measurement; is there memory enough?")
        self.rss = answer["peak_rss_mb"]
        return answer["ms"]

    def close(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.wait()


def glass_json(args, *words):
    """What a command of glass says, or None where this build refuses it (exit code 2)."""
    done = subprocess.run([args.glass, "bench", *map(str, words), "--threads", str(args.threads), "--json"],
                          capture_output=True, text=True)
    if done.returncode == 2:
        return None
    if done.returncode != 0:
        sys.exit(f"error: glass bench {' '.join(map(str, words))}: {done.stderr.strip()}")
    return json.loads(done.stdout)


def take_turns(contenders, rounds):
    """contenders: {name: call returning a list of milliseconds} -> {name: [median of each round]}"""
    times = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, call in contenders.items():
            time.sleep(0.1)      # threads of the one before fall asleep
            times[name].append(statistics.median(call()))
    return times


def progress(text):
    """What has been measured so far, for whoever waits; tables follow on stdout."""
    print("  " + text, file=sys.stderr, flush=True)


def ratios(times, ours):
    """How many times as fast as each contender `ours` is: the median over the rounds."""
    return {name: statistics.median(a / b for a, b in zip(ms, times[ours])) for name, ms in times.items()}


class Quiet:
    """What other programs took of the processors while this one measured."""

    def __init__(self):
        self.start, self.busy = time.time(), self.machine()

    @staticmethod
    def machine():
        try:
            with open("/proc/stat") as file:
                user, nice, system = map(int, file.readline().split()[1:4])
            return (user + nice + system) / os.sysconf("SC_CLK_TCK")
        except (OSError, ValueError):
            return 0.0

    def foreign(self):
        """Percent of the processors; to be asked when every child has ended."""
        mine = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        spent = max(0.0, self.machine() - self.busy - mine)
        return 100 * spent / max(1e-9, (time.time() - self.start) * (os.cpu_count() or 1))


# ---- telling ------------------------------------------------------------------------------------

def processor():
    try:
        with open("/proc/cpuinfo") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return "unknown processor"


def versions(args, torch_version):
    info = json.loads(subprocess.run([args.glass, "info", "--json"], capture_output=True, text=True).stdout)
    return {"glass": info["version"], "isa": info["isa"], "torch": torch_version, "python": sys.version.split()[0],
            "processor": processor(), "threads": args.threads}


def tell(args, torch_version, quiet, notes, results, show):
    """All that was measured: one JSON object, or tables and the setting that they hold for."""
    told = {"versions": versions(args, torch_version), "foreign_cpu_percent": quiet.foreign(),
            "environment": tuned_environment([]), "notes": sorted(set(notes)), "results": results}
    if args.json:
        print(json.dumps(told))
        return
    show()
    show_setting(told)


def show_setting(told):
    """What stands under every table: who ran, how, and who disturbed."""
    print("\n" + ", ".join(f"{k} {v}" for k, v in told["versions"].items()))
    print("tuned PyTorch: as many threads, flush_denormal, fused AdamW, " + " ".join(f"{k}={v}" for k, v in told["environment"].items()))
    print(f"other programs took {told['foreign_cpu_percent']:.0f} % of the processors meanwhile")
    for note in told["notes"]:
        print("note: " + note)


def table(columns, rows, markdown=False):
    """Rows of texts, the first column to the left and the others to the right."""
    cells = [list(map(str, row)) for row in [columns, *rows]]
    if markdown:
        lines = ["| " + " | ".join(row) + " |" for row in cells]
        lines.insert(1, "|" + "|".join([" --- "] + [" ---: "] * (len(columns) - 1)) + "|")
        return "\n".join(lines)
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    return "\n".join("  " + "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths)))
                     for row in cells)
