"""gdb looks into glass: `print x` says what a tensor is and who made it, and the commands below walk the tape.

    (gdb) source tools/gdb/glass_gdb.py            or: gdb -x .gdbinit-glass ...
    (gdb) help glass

Printers only read memory, so they work on a core dump as well. The session tools/gdb/tour.gdb shows all of it.
"""
import os
import sys

import gdb
import gdb.types

sys.path.insert(0, os.path.dirname(os.path.abspath(os.path.expanduser(__file__))))
import glass_look as look                                      # noqa: E402
import glass_say as say                                        # noqa: E402
from glass_look import Unreadable                              # noqa: E402


def careful(reader):
    """gdb's own errors (no such field, cannot access memory) become Unreadable."""
    def wrapped(*args):
        try:
            return reader(*args)
        except (gdb.error, gdb.MemoryError, RuntimeError) as problem:
            raise Unreadable(str(problem).split("\n")[0].rstrip(".")) from None
    return wrapped


class GdbCell(look.Cell):
    def __init__(self, value):
        if value.type.strip_typedefs().code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
            value = value.referenced_value()
        self.value = value

    @careful
    def __getitem__(self, name):
        return GdbCell(self.value[name])

    @careful
    def int(self):
        return int(self.value)

    @careful
    def float(self):
        return float(self.value)

    @careful
    def text(self):
        return self.value.string(errors="replace") if int(self.value) else ""

    @careful
    def string(self):
        """A std::string of LLVM's library: short ones lie in the object itself, and its lowest bit tells which."""
        raw = self.read(self.address(), 24)
        if raw[0] & 1 == 0:
            return raw[1:1 + raw[0] // 2].decode(errors="replace")
        size, data = (int.from_bytes(raw[k:k + 8], "little") for k in (8, 16))
        return self.read(data, min(size, 1000)).decode(errors="replace")

    @careful
    def at(self, i):
        return GdbCell(self.value[i])

    @careful
    def address(self):
        return int(self.value.address)

    @careful
    def deref(self):
        return GdbCell(self.value.dereference())

    @careful
    def owned(self):
        kind = gdb.types.get_basic_type(self.value.type).template_argument(0).strip_typedefs()
        if kind.code == gdb.TYPE_CODE_ARRAY:
            kind = kind.target()
        return GdbCell(self.value.address.cast(kind.pointer().pointer()).dereference())

    @careful
    def whole(self):
        made_as = self.value.dynamic_type.unqualified()
        return GdbCell(self.value.address.cast(made_as.pointer()).dereference())

    def type(self):
        return str(gdb.types.get_basic_type(self.value.type))

    @careful
    def own_fields(self):
        found, kind = [], self.value.type.strip_typedefs()
        while kind.name != "glass::Node":
            fields = kind.fields()
            found = [(f.name, GdbCell(self.value[f])) for f in fields if not f.is_base_class and not f.artificial] + found
            bases = [f.type.strip_typedefs() for f in fields if f.is_base_class]
            if not bases:
                break
            kind = bases[0]
        return found

    @careful
    def read(self, address, size):
        return gdb.selected_inferior().read_memory(address, size).tobytes()


# ---------------------------------------------------------------------------------------------------------------------
# print x

class Summary:
    """A type that is said in one line."""

    def __init__(self, value):
        self.value = value

    def to_string(self):
        cell = GdbCell(self.value)
        return look.SUMMARIES[cell.type()](cell)


class NodePrinter:
    """The struct of an op: what every node knows in one line, then the fields of this one."""

    def __init__(self, value):
        self.node = GdbCell(value)
        try:
            self.node = self.node.whole()
        except Unreadable:
            pass

    def to_string(self):
        return look.node_summary(self.node)

    def children(self):
        try:
            for name in ("value", "grad"):
                if look.tensor(self.node[name]) is not None:
                    yield name, self.node[name].value
            for name, field in self.node.own_fields():
                yield name, field.value
        except Unreadable:
            return


def is_node(kind):
    """Is this type glass::Node, or a struct made from it?"""
    while kind.name != "glass::Node":
        bases = [f.type.strip_typedefs() for f in kind.fields() if f.is_base_class]
        if len(bases) != 1:
            return False
        kind = bases[0]
    return True


def find_printer(value):
    kind = gdb.types.get_basic_type(value.type)
    if kind.code != gdb.TYPE_CODE_STRUCT or not (kind.name or "").startswith("glass::"):
        return None
    if kind.name in look.SUMMARIES:
        return Summary(value)
    return NodePrinter(value) if is_node(kind) else None


find_printer.name = "glass"                                    # as `info pretty-printer` lists it


# ---------------------------------------------------------------------------------------------------------------------
# Finding things in the frames of the program.

def frames():
    frame = gdb.selected_frame()
    while frame is not None:
        yield frame
        frame = frame.older()


def variables(frame):
    """Arguments and locals of a frame that exist at its line, innermost first."""
    try:
        block, line = frame.block(), frame.find_sal().line
    except RuntimeError:
        return
    while block is not None and not block.is_global and not block.is_static:
        for symbol in block:
            if (symbol.is_argument or symbol.is_variable) and (symbol.is_argument or symbol.line < line):
                try:
                    yield GdbCell(symbol.value(frame))
                except (gdb.error, gdb.MemoryError):
                    continue
        if block.function is not None:
            return
        block = block.superblock


def as_tape(cell):
    """The Tape that a variable is, points at, or was recorded on; None if there is none."""
    try:
        if cell.value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
            if not cell.int() or not cell.type().startswith("glass::"):
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
        if kind in ("glass::Slots", "glass::Slot"):
            return cell["tape_"] if kind == "glass::Slots" else cell["tape_"].deref()
    except Unreadable:
        pass
    return None


def tape_in_sight():
    for frame in frames():
        for cell in variables(frame):
            tape = as_tape(cell)
            if tape is not None:
                return tape
    raise gdb.GdbError("no tape in sight: no frame has a Tape, or a Tensor that is on one. Give an expression.")


def this_of(frame):
    """The object whose method a frame runs, or None."""
    try:
        this = frame.read_var("this")
        return GdbCell(this.dereference()) if int(this) else None
    except (ValueError, gdb.error, gdb.MemoryError):
        return None


def node_of(frame):
    """The Node whose backward a frame runs, or None."""
    if frame is None or not (frame.name() or "").endswith("::backward"):
        return None
    this = this_of(frame)
    return this if this is not None and is_node(this.value.type.strip_typedefs()) else None


def running_node():
    """The number of the node whose backward is on the stack, or has just left it; or None."""
    for frame in frames():
        node = node_of(frame)
        if node is None and frame.name() in ("glass::on_record", "glass::on_backward", "glass::after_backward"):
            node = variable(frame, "node")
        if node is not None:
            return node["id"].int()
    return None


def evaluated(text):
    value = gdb.parse_and_eval(text)
    if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
        value = value.dereference()
    cell = GdbCell(value)
    return cell.whole() if is_node_type(cell) else cell


def is_node_type(cell):
    kind = cell.value.type.strip_typedefs()
    return kind.code == gdb.TYPE_CODE_STRUCT and (kind.name or "").startswith("glass::") and is_node(kind)


# ---------------------------------------------------------------------------------------------------------------------
# Commands.

def print_line(text):
    gdb.write(text + "\n")


class Command(gdb.Command):
    """A command whose errors are one sentence, and whose help is the docstring of its class."""

    def __init__(self, name):
        super().__init__(name, gdb.COMMAND_DATA, gdb.COMPLETE_EXPRESSION)

    def invoke(self, argument, from_tty):
        try:
            self.run(gdb.string_to_argv(argument) if argument else [])
        except (Unreadable, gdb.error, gdb.MemoryError) as problem:
            raise gdb.GdbError(str(problem).rstrip(".") + ".") from None


def one(words, usage):
    if not words:
        raise gdb.GdbError("Usage: " + usage)
    return " ".join(words)


class TapeCommand(Command):
    """glass-tape [EXPR] [MOST]: print the tape as a table, newest last; at most MOST nodes (60).
    Without EXPR: the tape of the nearest frame that has one. => is the node whose backward is running."""

    def run(self, words):
        most = int(words.pop()) if words and words[-1].isdigit() else 60
        if words:
            cell = evaluated(" ".join(words))
            tape = as_tape(cell)
            if tape is None:
                raise gdb.GdbError("a %s is not on a tape" % cell.type())
        else:
            tape = tape_in_sight()
        print_line(say.tape_table(tape, running_node(), most))


class GraphCommand(Command):
    """glass-graph EXPR [DEPTH]: how a Tensor or a Value was made, what it was made from indented below it."""

    def run(self, words):
        depth = int(words.pop()) if len(words) > 1 and words[-1].isdigit() else 4
        print_line(say.graph_text(evaluated(one(words, "glass-graph EXPR [DEPTH]")), depth))


class DotCommand(Command):
    """glass-dot EXPR FILE: write the graph of a Tensor, a Value or a Tape for Graphviz (dot -Tsvg FILE)."""

    def run(self, words):
        if len(words) < 2:
            raise gdb.GdbError("Usage: glass-dot EXPR FILE")
        text = say.dot_text(evaluated(" ".join(words[:-1])))
        try:
            with open(words[-1], "w", encoding="utf-8") as file:
                file.write(text)
        except OSError as problem:
            raise gdb.GdbError("cannot write %s: %s" % (words[-1], problem.strerror)) from None
        print_line("wrote " + words[-1])


class ShowCommand(Command):
    """glass-show EXPR: the numbers of a Tensor, View or Parameter as an aligned matrix."""

    def run(self, words):
        print_line(say.matrix_text(say.numbers_of(evaluated(one(words, "glass-show EXPR")))))


class StatsCommand(Command):
    """glass-stats EXPR: least, greatest, mean, deviation and norm, zeros, and how many are nan or infinite."""

    def run(self, words):
        print_line(say.stats_text(say.numbers_of(evaluated(one(words, "glass-stats EXPR")))))


class GradCommand(Command):
    """glass-grad EXPR: the gradient of a Tensor on a tape, a Parameter or a Slot, as far as backward has come."""

    def run(self, words):
        print_line(say.matrix_text(say.numbers_of(say.gradient_of(evaluated(one(words, "glass-grad EXPR"))))))


# ---------------------------------------------------------------------------------------------------------------------
# Stopping. A breakpoint at the plain word `backward` stops in the function of that name of every struct.

class Stop(gdb.Breakpoint):
    """A breakpoint that looks at the program before it stops; `wanted` is given the newest frame."""

    def __init__(self, function, wanted, internal=False):
        super().__init__(function=function, internal=internal)
        self.wanted = wanted
        self.silent = internal

    def stop(self):
        try:
            return bool(self.wanted(gdb.newest_frame()))
        except (Unreadable, ValueError, gdb.error, gdb.MemoryError):
            return False


def source_line(frame):
    """engine/ops/norm.cpp:21: what stands there"""
    sal = frame.find_sal()
    place = "%s:%d" % (os.path.relpath(sal.symtab.fullname()) if sal.symtab else "?", sal.line)
    try:
        text = gdb.execute("list %d,%d" % (sal.line, sal.line), to_string=True)
    except gdb.error:
        return place                                           # the sources are somewhere else
    return place + ": " + text.split("\t", 1)[-1].strip()


def variable(frame, name):
    return GdbCell(frame.read_var(name))


def has_function(name):
    try:
        return bool(gdb.decode_line(name)[1])
    except gdb.error:
        return False


PULL, RECORD = "glass::scalar::Tape::pull", "glass::scalar::Tape::record"   # chapter 1's backward and forward


class BreakOpCommand(Command):
    """glass-break-op NAME [forward|backward]: stop where an op computes its value, its derivative, or both.
    NAME is what glass-tape calls it. Forward stops in the function of that name, before it computes; an op that has
    no function of its own name stops when it has been recorded."""

    def run(self, words):
        if not words or len(words) > 2 or (len(words) == 2 and words[1] not in ("forward", "backward")):
            raise gdb.GdbError("Usage: glass-break-op NAME [forward|backward]")
        name, ways = words[0], words[1:] or ["forward", "backward"]
        if "forward" in ways:
            self.stop_forward(name)
        if "backward" in ways:
            Stop("backward", lambda frame: self.is_backward_of(name, frame))
            if name in look.OPS and has_function(PULL):
                Stop(PULL, lambda frame: look.ScalarTape(this_of(frame)).op(int(frame.read_var("i"))) == name)

    @staticmethod
    def stop_forward(name):
        if has_function("glass::" + name):
            gdb.Breakpoint("glass::" + name)
        elif name not in look.OPS:
            print_line("there is no function glass::%s; stopping when a node of that name was recorded" % name)
            Stop("glass::on_record", lambda frame: variable(frame, "node")["op"].text() == name)
        if name in look.OPS and has_function(RECORD):
            Stop(RECORD, lambda frame: int(frame.read_var("op")) == look.OPS.index(name))

    @staticmethod
    def is_backward_of(name, frame):
        node = node_of(frame)
        return node is not None and node["op"].text() == name


class StepCommand(Command):
    """glass-step: run to the next node's backward, and say what it has and whom it hands on to."""

    def run(self, words):
        if words:
            raise gdb.GdbError("Usage: glass-step")
        stops = [Stop("backward", self.hands_on, internal=True)]
        if has_function(PULL):
            stops.append(Stop(PULL, self.pulls, internal=True))
        try:
            gdb.execute("continue", to_string=True)
        finally:
            for stop in stops:
                stop.delete()
        if not gdb.selected_inferior().pid:
            print_line("the program has ended")
            return
        frame = gdb.newest_frame()
        node = node_of(frame)
        if node is not None:
            print_line(say.backward_text(node, tape_in_sight()))
            print_line("  " + source_line(frame))
        elif frame.name() == PULL:
            print_line(say.pull_text(this_of(frame), int(frame.read_var("i"))))
        else:
            gdb.execute("frame")

    @staticmethod
    def hands_on(frame):
        node = node_of(frame)
        return node is not None and not node["leaf"].int()

    @staticmethod
    def pulls(frame):
        return look.ScalarTape(this_of(frame)).inputs(int(frame.read_var("i")))


class BreakNanCommand(Command):
    """glass-break-nan: stop at the first value or gradient that is not finite, and say which node made it."""

    def run(self, words):
        if words:
            raise gdb.GdbError("Usage: glass-break-nan")
        Stop("glass::on_record", lambda frame: self.tell(say.nonfinite_output(
            variable(frame, "node").whole(), variable(frame, "y"))))
        Stop("glass::after_backward", lambda frame: self.tell(say.nonfinite_gradient(
            variable(frame, "node").whole(), variable(frame, "tape"))))

    @staticmethod
    def tell(sentence):
        if sentence:
            print_line(sentence)
        return bool(sentence)


# `step` should go into what somebody reads: not into the standard library, and not into what stands between a line of
# a model and its op.
SKIPPED = ("-gfi /usr/include/c++/*", "-gfi /usr/include/c++/*/*", "-gfi /usr/include/c++/*/*/*",
           "-rfu ^glass::Where::here", "-rfu ^glass::Arg::Arg", "-rfu ^glass::scalar::Arg::Arg", "-rfu ^glass::Input::Input",
           "-rfu ^glass::Tensor::~?Tensor", "-rfu ^glass::Shape::Shape")


def install():
    gdb.pretty_printers[:] = [p for p in gdb.pretty_printers if getattr(p, "name", "") != "glass"]
    gdb.pretty_printers.insert(0, find_printer)
    TapeCommand("glass-tape")
    GraphCommand("glass-graph")
    DotCommand("glass-dot")
    ShowCommand("glass-show")
    StatsCommand("glass-stats")
    GradCommand("glass-grad")
    BreakOpCommand("glass-break-op")
    StepCommand("glass-step")
    BreakNanCommand("glass-break-nan")
    gdb.execute("set print object on")                         # a Node& prints as the struct of its op
    for what in SKIPPED:
        gdb.execute("skip " + what, to_string=True)


install()
