"""lldb looks into glass: the same summaries and commands as glass_gdb.py, which says what each of them does.

    (lldb) command script import tools/gdb/glass_lldb.py

On Debian 12, lldb looks for its own Python package in the wrong place; start it as
    PYTHONPATH=/usr/lib/llvm-14/lib/python3.11/dist-packages lldb ...
"""
import os
import shlex
import sys

import lldb

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import glass_look as look                                      # noqa: E402
import glass_say as say                                        # noqa: E402
from glass_look import Unreadable                              # noqa: E402


def checked(error):
    if not error.Success():
        raise Unreadable(error.GetCString() or "not readable")


class LldbCell(look.Cell):
    def __init__(self, value):
        value = value.GetNonSyntheticValue()
        if value.GetType().IsReferenceType():                  # what it refers to, without the summary's own children
            target, address = value.GetTarget(), value.GetValueAsUnsigned()
            value = target.CreateValueFromAddress("there", lldb.SBAddress(address, target),
                                                  value.GetType().GetDereferencedType()).GetNonSyntheticValue()
        if not value.IsValid():
            raise Unreadable("not there")
        self.value = value

    def __getitem__(self, name):
        return LldbCell(self.value.GetChildMemberWithName(name))

    def int(self):
        error = lldb.SBError()
        signed = not self.value.GetType().IsPointerType()
        number = self.value.GetValueAsSigned(error) if signed else self.value.GetValueAsUnsigned(error)
        checked(error)
        return number

    def float(self):
        error = lldb.SBError()
        number = self.value.GetData().GetDouble(error, 0)
        checked(error)
        return number

    def text(self):
        if self.int() == 0:
            return ""
        error = lldb.SBError()
        text = self.value.GetProcess().ReadCStringFromMemory(self.int(), 4096, error)
        checked(error)
        return text

    def string(self):
        return (self.value.GetSummary() or "").strip('"')

    def at(self, i):
        kind = self.value.GetType().GetCanonicalType()
        if kind.IsPointerType():
            return self.there(self.int() + i * kind.GetPointeeType().GetByteSize(), kind.GetPointeeType())
        return LldbCell(self.value.GetChildAtIndex(i))

    def there(self, address, kind):
        target = self.value.GetTarget()
        return LldbCell(target.CreateValueFromAddress("there", lldb.SBAddress(address, target), kind))

    def address(self):
        return self.value.GetLoadAddress()

    def deref(self):
        return LldbCell(self.value.Dereference())

    def owned(self):
        kind = self.value.GetType().GetCanonicalType().GetTemplateArgumentType(0)
        if kind.IsArrayType():
            kind = kind.GetArrayElementType()
        return self.there(self.address(), kind.GetPointerType())

    def whole(self):
        return LldbCell(self.value.AddressOf().GetDynamicValue(lldb.eDynamicDontRunTarget).Dereference())

    def type(self):
        return self.value.GetType().GetCanonicalType().GetUnqualifiedType().GetName()

    def own_fields(self):
        found, kind = [], self.value.GetType().GetCanonicalType()
        while kind.GetName() != "glass::Node":
            found = [(f.GetName(), self[f.GetName()]) for f in kind.get_fields_array()] + found
            if kind.GetNumberOfDirectBaseClasses() == 0:
                break
            kind = kind.GetDirectBaseClassAtIndex(0).GetType().GetCanonicalType()
        return found

    def read(self, address, size):
        error = lldb.SBError()
        memory = self.value.GetProcess().ReadMemory(address, size, error)
        checked(error)
        return memory


def summary(value, _):
    cell = LldbCell(value)
    describe = look.SUMMARIES.get(cell.type())
    return describe(cell) if describe else look.node_summary(cell.whole())


class NoChildren:
    """A type whose summary says it all."""

    def __init__(self, value, _):
        pass

    def num_children(self):
        return 0

    def has_children(self):
        return False


# ---------------------------------------------------------------------------------------------------------------------
# Finding things in the frames of the program.

def is_node(kind):
    kind = kind.GetCanonicalType()
    while kind.GetName() != "glass::Node":
        if kind.GetNumberOfDirectBaseClasses() != 1:
            return False
        kind = kind.GetDirectBaseClassAtIndex(0).GetType().GetCanonicalType()
    return True


def variable(frame, name):
    return LldbCell(frame.FindVariable(name))


def this_of(frame):
    try:
        return variable(frame, "this").deref()
    except Unreadable:
        return None


def node_of(frame):
    """The Node whose backward a frame runs, or None."""
    if "::backward(" not in (frame.GetFunctionName() or ""):
        return None
    this = this_of(frame)
    return this.whole() if this is not None and is_node(this.value.GetType()) else None


def running_node(frames):
    for frame in frames:
        node = node_of(frame)
        if node is None and (frame.GetFunctionName() or "").startswith(
                ("glass::on_record(", "glass::on_backward(", "glass::after_backward(")):
            node = variable(frame, "node")
        if node is not None:
            return node["id"].int()
    return None


def as_tape(cell):
    """The Tape that a variable is, points at, or was recorded on; None if there is none."""
    try:
        if cell.value.GetType().GetCanonicalType().IsPointerType():
            if cell.int() == 0:
                return None
            cell = cell.deref()
        kind = cell.type()
        if kind == "glass::Tape":
            look.nodes(cell)
            return cell
        if kind == "glass::scalar::Tape":
            look.ScalarTape(cell)
            return cell
        if kind == "glass::Tensor":
            return look.recorded(cell)[0]
        if kind == "glass::scalar::Value":
            return look.scalar_place(cell)[0].cell
        if kind == "glass::Slots":
            return cell["tape_"]
        if kind == "glass::Slot":
            return cell["tape_"].deref()
    except Unreadable:
        pass
    return None


def tape_in_sight(frames):
    for frame in frames:
        for value in frame.GetVariables(True, True, False, True):
            try:
                tape = as_tape(LldbCell(value))
            except Unreadable:
                continue
            if tape is not None:
                return tape
    raise Unreadable("no tape in sight: no frame has a Tape, or a Tensor that is on one; give an expression")


def evaluated(frame, text):
    value = frame.GetValueForVariablePath(text)
    if not value.GetError().Success() or not value.IsValid():
        value = frame.EvaluateExpression(text)
    if not value.GetError().Success():
        raise Unreadable("cannot evaluate '%s' in this frame" % text)
    cell = LldbCell(value)
    if cell.value.GetType().GetCanonicalType().IsPointerType():
        cell = cell.deref()
    return cell.whole() if is_node(cell.value.GetType()) else cell


# ---------------------------------------------------------------------------------------------------------------------
# Stopping. lldb takes a function of one line to have no prologue, where arguments are not in their place yet, so the
# places to stop are looked up in the line table: the second entry of a function is its first statement.

def first_statement(function):
    entry, start = function.GetStartAddress().GetLineEntry(), function.GetStartAddress()
    unit = start.GetCompileUnit()
    later = [e.GetStartAddress() for e in unit if start.GetFileAddress() < e.GetStartAddress().GetFileAddress()
             < function.GetEndAddress().GetFileAddress()] if entry.IsValid() else []
    return min(later, key=lambda a: a.GetFileAddress(), default=start)


def places(target, name):
    """Where a breakpoint at functions of that name should stop: "backward" of every struct, or "glass::on_record"."""
    found = target.FindFunctions(name, lldb.eFunctionNameTypeAuto)
    functions = [context.GetFunction() for context in found if context.GetFunction().IsValid()]
    return {first_statement(f).GetFileAddress(): first_statement(f) for f in functions}.values()


WANTED = {}                                                    # breakpoint id -> what must be true to stop


def stop(frame, location, _):
    try:
        return bool(WANTED[location.GetBreakpoint().GetID()](frame))
    except Unreadable:
        return False


def stop_at(target, name, wanted):
    """Breakpoints at functions of a name that stop when wanted(frame); returns how many places there are."""
    count = 0
    for place in places(target, name):
        breakpoint = target.BreakpointCreateBySBAddress(place)
        WANTED[breakpoint.GetID()] = wanted
        breakpoint.SetScriptCallbackFunction("glass_lldb.stop")
        count += 1
    return count


PULL, RECORD = "glass::scalar::Tape::pull", "glass::scalar::Tape::record"


def wants_backward(frame):
    node = node_of(frame)
    return node is not None and not node["leaf"].int()


def wants_pull(frame):
    return look.ScalarTape(this_of(frame)).inputs(variable(frame, "i").int())


def step(debugger, target):
    """Runs to the next backward; returns its frame, or None if the program stopped elsewhere or ended."""
    process, before = target.GetProcess(), debugger.GetAsync()
    breakpoints = {}
    for name, wanted in (("backward", wants_backward), (PULL, wants_pull)):
        for place in places(target, name):
            breakpoint = target.BreakpointCreateBySBAddress(place)
            breakpoints[breakpoint.GetID()] = wanted
    debugger.SetAsync(False)
    try:
        while True:
            process.Continue()
            if process.GetState() != lldb.eStateStopped:
                return None
            thread = process.GetSelectedThread()
            frame = thread.GetFrameAtIndex(0)
            if thread.GetStopReason() != lldb.eStopReasonBreakpoint:
                return None
            hit = {thread.GetStopReasonDataAtIndex(i) for i in range(0, thread.GetStopReasonDataCount(), 2)}
            if any(breakpoints[i](frame) for i in hit if i in breakpoints):
                return frame
            if any(WANTED.get(i, lambda frame: True)(frame) for i in hit if i not in breakpoints):
                return None                                    # a breakpoint of the user
    finally:
        debugger.SetAsync(before)
        for i in breakpoints:
            target.BreakpointDelete(i)


def source_line(frame):
    line = frame.GetLineEntry()
    path = "%s/%s" % (line.GetFileSpec().GetDirectory() or ".", line.GetFileSpec().GetFilename())
    place = "%s:%d" % (os.path.relpath(path), line.GetLine())
    try:
        with open(path, encoding="utf-8") as file:
            return place + ": " + file.read().split("\n")[line.GetLine() - 1].strip()
    except (OSError, IndexError):
        return place


# ---------------------------------------------------------------------------------------------------------------------
# Commands.

class Context:
    def __init__(self, debugger, words):
        self.debugger, self.words = debugger, words
        self.target = debugger.GetSelectedTarget()
        self.process = self.target.GetProcess()
        self.thread = self.process.GetSelectedThread()
        self.frame = self.thread.GetSelectedFrame()
        frames = [f for f in self.thread]
        self.frames = frames[self.frame.GetFrameID():] if self.frame.IsValid() else []

    def cell(self, words, usage):
        if not words:
            raise Unreadable("usage: " + usage)
        return evaluated(self.frame, " ".join(words))

    def number(self, default, least_words):
        if len(self.words) >= least_words and self.words[-1].isdigit():
            return int(self.words.pop())
        return default


def tape_command(at):
    most = at.number(60, 1)
    tape = as_tape(at.cell(at.words, "")) if at.words else tape_in_sight(at.frames)
    if tape is None:
        raise Unreadable("that is not on a tape")
    return say.tape_table(tape, running_node(at.frames), most)


def graph_command(at):
    depth = at.number(4, 2)
    return say.graph_text(at.cell(at.words, "glass-graph EXPR [DEPTH]"), depth)


def dot_command(at):
    text = say.dot_text(at.cell(at.words[:-1], "glass-dot EXPR FILE"))
    try:
        with open(at.words[-1], "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as problem:
        raise Unreadable("cannot write %s: %s" % (at.words[-1], problem.strerror)) from None
    return "wrote " + at.words[-1]


def show_command(at):
    return say.matrix_text(say.numbers_of(at.cell(at.words, "glass-show EXPR")))


def stats_command(at):
    return say.stats_text(say.numbers_of(at.cell(at.words, "glass-stats EXPR")))


def grad_command(at):
    return say.matrix_text(say.numbers_of(say.gradient_of(at.cell(at.words, "glass-grad EXPR"))))


def break_op_command(at):
    usage = "usage: glass-break-op NAME [forward|backward]"
    if not at.words or len(at.words) > 2 or (len(at.words) == 2 and at.words[1] not in ("forward", "backward")):
        raise Unreadable(usage)
    name, ways = at.words[0], at.words[1:] or ["forward", "backward"]
    if "forward" in ways:
        found = stop_at(at.target, "glass::" + name, lambda frame: True)
        if not found and name not in look.OPS:
            stop_at(at.target, "glass::on_record", lambda frame: variable(frame, "node")["op"].text() == name)
        if name in look.OPS:
            stop_at(at.target, RECORD, lambda frame: variable(frame, "op").int() == look.OPS.index(name))
    if "backward" in ways:
        stop_at(at.target, "backward", lambda frame: is_backward_of(name, frame))
        if name in look.OPS:
            stop_at(at.target, PULL, lambda frame: look.ScalarTape(this_of(frame)).op(variable(frame, "i").int()) == name)
    return "stopping at %s, %s" % (name, " and ".join(ways))


def is_backward_of(name, frame):
    node = node_of(frame)
    return node is not None and node["op"].text() == name


def step_command(at):
    frame = step(at.debugger, at.target)
    if frame is None:
        ended = at.process.GetState() == lldb.eStateExited
        return "the program has ended" if ended else "stopped elsewhere: " + source_line(
            at.process.GetSelectedThread().GetFrameAtIndex(0))
    node = node_of(frame)
    if node is None:
        return say.pull_text(this_of(frame), variable(frame, "i").int())
    return say.backward_text(node, variable(frame, "dx")["tape_"]) + "\n  " + source_line(frame)


def break_nan_command(at):
    stop_at(at.target, "glass::on_record", lambda frame: tell(say.nonfinite_output(
        variable(frame, "node").whole(), variable(frame, "y"))))
    stop_at(at.target, "glass::after_backward", lambda frame: tell(say.nonfinite_gradient(
        variable(frame, "node").whole(), variable(frame, "tape"))))
    return "stopping at the first number that is not finite"


def tell(sentence):
    if sentence:
        print(sentence)
    return bool(sentence)


COMMANDS = {
    "glass-tape": (tape_command, "glass-tape [EXPR] [MOST]: print the tape as a table, newest last"),
    "glass-graph": (graph_command, "glass-graph EXPR [DEPTH]: how a Tensor or a Value was made"),
    "glass-dot": (dot_command, "glass-dot EXPR FILE: write the graph for Graphviz"),
    "glass-show": (show_command, "glass-show EXPR: numbers as an aligned matrix"),
    "glass-stats": (stats_command, "glass-stats EXPR: least, greatest, mean, norm, how many are nan or infinite"),
    "glass-grad": (grad_command, "glass-grad EXPR: the gradient of a Tensor on a tape, a Parameter or a Slot"),
    "glass-break-op": (break_op_command, "glass-break-op NAME [forward|backward]: stop where an op computes"),
    "glass-step": (step_command, "glass-step: run to the next node's backward"),
    "glass-break-nan": (break_nan_command, "glass-break-nan: stop at the first number that is not finite"),
}


def command(run, help_text):
    class Command:
        def __init__(self, debugger, _):
            pass

        def __call__(self, debugger, words, context, result):
            try:
                result.AppendMessage(run(Context(debugger, shlex.split(words))))
            except Unreadable as problem:
                result.SetError(str(problem).rstrip(".") + ".")

        def get_short_help(self):
            return help_text

        def get_long_help(self):
            return help_text

    return Command


for _name, (_run, _help) in COMMANDS.items():                  # lldb finds classes by their name in this module
    globals()[_name.replace("-", "_")] = command(_run, _help)


def __lldb_init_module(debugger, _):
    for kind in list(look.SUMMARIES) + ["glass::Node"]:
        debugger.HandleCommand("type summary add -p -w glass -F glass_lldb.summary %s" % kind)
    for kind in ("Tensor", "View", "Into", "Shape", "Where", "Slot", "Slots", "scalar::Value"):
        debugger.HandleCommand("type synthetic add -p -w glass -l glass_lldb.NoChildren glass::%s" % kind)
    debugger.HandleCommand("type category enable glass")
    for name in COMMANDS:
        debugger.HandleCommand("command script add -c glass_lldb.%s %s" % (name.replace("-", "_"), name))
    debugger.HandleCommand("settings set target.prefer-dynamic-value no-run-target")
