"""Bugs in the host side of Metal, one at a time, each of which must be noticed on the stand-in.

    plant.py --source ROOT --out DIR          writes copies of kernels/metal in which a number chooses a bug
    plant.py --run PROGRAM [--verbose]        runs scenario.cpp with each of them

A pattern that is not in the source exactly once is an error: the list must not fall behind the code.
"""
import argparse
import pathlib
import re
import subprocess
import sys

DEVICE, MEMORY, OBJECTIVE_C = "metal_device.cpp", "memory.cpp", "objective_c.h"
SECONDS = 120

# (what it is, file, right, wrong). A `right` that ends with ; is a statement, everything else an expression.
# «» mark the part of `right` that is replaced.
BUGS = [
    ("a batch is committed twice", DEVICE, 'commands_.send("commit");', 'commands_.send("commit"); commands_.send("commit");'),
    ("a batch is never committed", DEVICE, 'commands_.send("commit");', ""),
    ("the encoder is not ended", DEVICE, 'encoder_.send("endEncoding");', ""),
    ("the encoder is ended twice", DEVICE, 'encoder_.send("endEncoding");', 'encoder_.send("endEncoding"); encoder_.send("endEncoding");'),
    ("no buffer is announced", DEVICE, 'encoder_.send("useResource:usage:", memory_->buffer(buffers_announced_), kReadAndWrite);', ""),
    ("buffers are announced for reading", DEVICE, "memory_->buffer(buffers_announced_), «kReadAndWrite»", "1ul"),
    ("buffers are announced to the first batch only", DEVICE, "buffers_announced_ = 0;", ""),
    ("nobody waits", DEVICE, 'committed_.back().send("waitUntilCompleted");', ""),
    ("the first batch is waited for, not the last", DEVICE, "committed_.back()", "committed_.front()"),
    ("an upload that cannot wait in line does not wait", DEVICE, "«wait_for_all();» std::memcpy(target.contents", ""),
    ("an upload thinks that nobody is at work", DEVICE, "!commands_ && committed_.empty()", "true"),
    ("an upload looks only at what was committed", DEVICE, "«!commands_» && committed_.empty()", "true"),
    ("an upload looks only at what was not committed", DEVICE, "!commands_ && «committed_.empty()»", "true"),
    ("an upload of odd length is copied", DEVICE, "bytes % kWord == 0", "true"),
    ("an upload to an odd address is copied", DEVICE, "target.offset % kWord == 0", "true"),
    ("an upload is larger than what waits in line", DEVICE, "can_be_copied || «bytes > kStagingBytes»", "false"),
    ("uploads begin again at once", DEVICE, "if (staging_used_ + bytes > kStagingBytes) «wait_for_all();»", "staging_used_ = 0;"),
    ("uploads go on behind the end", DEVICE, "staging_used_ + bytes > kStagingBytes", "false"),
    ("all uploads stand at one place", DEVICE, "staging_used_ += bytes;", ""),
    ("uploads never begin again", DEVICE, "staging_used_ = 0;", ""),
    ("an upload comes from the begin", DEVICE, "«staged.offset», target.buffer", "0ul"),
    ("an upload goes to the begin", DEVICE, "target.buffer, «target.offset»", "0ul"),
    ("an upload is cut short", DEVICE, "target.offset, «static_cast<unsigned long>(bytes)»", "static_cast<unsigned long>(bytes / 8 * 4)"),
    ("an upload goes and comes the other way", DEVICE, "«staged.buffer», staged.offset, target.buffer", "target.buffer"),
    ("launches are sent to whom copies", DEVICE, "if («takes_ == wanted») return", "takes_ != Encoder::none"),
    ("an encoder is not ended before the next", DEVICE, "if (takes_ == wanted) return; «end_encoder();»", ""),
    ("a download does not wait", DEVICE, "const Entry entry(*this); «wait_for_all();» std::memcpy(host", ""),
    ("the encoder is not held", DEVICE, "Ref::retained(objc_, commands_.send<Id>(name))", "Ref(objc_, commands_.send<Id>(name))"),
    ("the command buffer is not held", DEVICE, 'Ref::retained(objc_, queue_.send<Id>("commandBuffer"))',
     'Ref(objc_, queue_.send<Id>("commandBuffer"))'),
    ("arguments are cut short", DEVICE, "static_cast<unsigned long>(kernel.args_bytes)", "static_cast<unsigned long>(kernel.args_bytes / 2)"),
    ("arguments have the wrong number", DEVICE, "kernel.args_bytes), «0ul»", "1ul"),
    ("too few threads", DEVICE, "Size{kernel.threads, 1, 1}", "Size{kernel.threads / 2, 1, 1}"),
    ("too many threads", DEVICE, "Size{kernel.threads, 1, 1}", "Size{kernel.threads * 2, 1, 1}"),
    ("the sides of the grid are swapped", DEVICE, "Size{grid.x, grid.y, grid.z}", "Size{grid.y, grid.x, grid.z}"),
    ("no pipeline is set", DEVICE, 'encoder_.send("setComputePipelineState:", pipeline);', ""),
    ("all kernels have one pipeline", DEVICE, "pipelines_[«&kernel»]", "static_cast<const gpu::Kernel*>(nullptr)"),
    ("the compiler may forget infinities", DEVICE, 'options.send("setFastMathEnabled:", false);', ""),
    ("the language is too old for addresses in arguments", DEVICE, 'options.send("setLanguageVersion:", kLanguage);',
     'options.send("setLanguageVersion:", 2ul << 16);'),
    ("errors are not looked at", DEVICE, 'batch.send<Id>("error")', "Id(nullptr)"),
    ("the host writes where kernels do", DEVICE, "target = «memory_->place_of(to, bytes)»",
     "Memory::Place{memory_->place_of(to, bytes).buffer, memory_->place_of(to, bytes).offset, to}"),
    ("the host reads at the begin of the buffer", MEMORY, "b.contents + offset", "b.contents"),
    ("a released buffer stays", MEMORY, "buffers_.erase(found);", ""),
    ("another buffer is released", MEMORY, "buffers_.erase(«found»)", "buffers_.begin()"),
    ("temporaries have no pool", OBJECTIVE_C, "mark_(«objc.push_pool_()»)", "nullptr"),
    ("what is moved away is released, too", OBJECTIVE_C, "other.id_ = nullptr;", ""),
    ("nothing is released", OBJECTIVE_C, "~Ref() { «reset();»", ""),
]


def flexible(code):
    """Where `code` is in the text, however it is broken into lines."""
    return r"\s*".join(re.escape(token) for token in re.findall(r"\w+|\S", code))


def plant(source, out):
    texts = {p.name: p.read_text() for p in pathlib.Path(source, "kernels/metal").iterdir()}
    spots = []   # [file, begin, end, number, wrong]
    for number, (what, file, right, wrong) in enumerate(BUGS, 1):
        before, part, after = re.fullmatch(r"(.*?)«(.*)»(.*)", right).groups() if "«" in right else ("", right, "")
        pattern = flexible(before) + r"\s*(" + flexible(part) + r")\s*" + flexible(after)
        found = list(re.finditer(pattern, texts[file]))
        if len(found) != 1:
            sys.exit(f"plant.py: {file} has `{right}` {len(found)} times, not once: {what}")
        spots.append([file, found[0].start(1), found[0].end(1), number, wrong])
    # From the last to the first, what lies within another spot before that.
    spots.sort(key=lambda s: (-s[1], s[2]))
    for k, (file, begin, end, number, wrong) in enumerate(spots):
        code = texts[file][begin:end]
        statement = BUGS[number - 1][2].replace("»", "").endswith(";") or code.endswith(";")
        test = f"::glass::mutant({number})"
        changed = f"if ({test}) {{ {wrong} }} else {{ {code} }}" if statement else f"({test} ? {wrong} : {code})"
        texts[file] = texts[file][:begin] + changed + texts[file][end:]
        for other in spots[k + 1:]:
            if other[0] == file and other[2] >= end:
                other[2] += len(changed) - len(code)
    folder = pathlib.Path(out, "kernels/metal")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text('#include "tests/mutants/active.h"\n' + text)


def noticed(program, number):
    """How a bug was noticed; "" if it was not."""
    try:
        done = subprocess.run([program, str(number)], capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return f"still running after {SECONDS} s"
    if done.returncode < 0:
        return f"ended by signal {-done.returncode}"
    return (done.stdout.strip() or f"exit code {done.returncode}") if done.returncode else ""


def run(program, verbose):
    compiler = subprocess.run("command -v clang++ || command -v g++", shell=True, capture_output=True, check=False)
    if compiler.returncode:
        print("0 passed, 0 failed, 1 skipped")
        return 0
    healthy = noticed(program, 0)
    if healthy:
        sys.exit(f"it fails without any bug: {healthy}")
    lost = 0
    for number, (what, *_) in enumerate(BUGS, 1):
        how = noticed(program, number)
        if verbose or not how:
            print(f"{what}: {how or 'NOT NOTICED'}")
        lost += not how
    print(f"{len(BUGS) - lost} passed, {lost} failed, 0 skipped")
    return lost > 0


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--source")
    options.add_argument("--out")
    options.add_argument("--run")
    options.add_argument("--verbose", action="store_true")
    options = options.parse_args()
    sys.exit(run(options.run, options.verbose) if options.run else plant(options.source, options.out))
