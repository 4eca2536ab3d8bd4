"""What a debugger says about tensors, nodes and tapes, for gdb (glass_gdb.py) and lldb (glass_lldb.py) alike.

Everything here reads memory and calls nothing in the program, so it works on a core dump as well. A value of the program
is a Cell: cell["field"], cell.int(), cell.text(), cell.deref(), ...; each debugger brings its own.
"""
import array
import math


class Unreadable(Exception):
    """The memory is not there: freed, not yet built, optimised away, or on another machine."""


class Cell:
    """A value of the program. What a debugger has to provide; names are those of the C++ fields."""

    def __getitem__(self, name):
        """The field of that name, also of a base class."""
        raise NotImplementedError

    def has(self, name):
        try:
            self[name]
            return True
        except Unreadable:
            return False

    def int(self):
        raise NotImplementedError

    def float(self):
        raise NotImplementedError

    def text(self):
        """Of a char pointer: the letters it points at."""
        raise NotImplementedError

    def at(self, i):
        """Element i of an array, or what a pointer plus i points at."""
        raise NotImplementedError

    def address(self):
        raise NotImplementedError

    def deref(self):
        raise NotImplementedError

    def owned(self):
        """Of a std::unique_ptr: the pointer it holds. In every library it is that pointer and nothing else."""
        raise NotImplementedError

    def whole(self):
        """The same object as what it was made as: for a Node&, the struct of its op."""
        raise NotImplementedError

    def type(self):
        """The name of the type, without const and &: "glass::Tensor"."""
        raise NotImplementedError

    def own_fields(self):
        """[(name, cell)] of the struct of an op: what it adds to Node."""
        raise NotImplementedError

    def read(self, address, size):
        """Bytes of the program's memory."""
        raise NotImplementedError


# ---------------------------------------------------------------------------------------------------------------------
# The standard library, of GNU and of LLVM.

def vector(cell):
    """A std::vector as (address of the first element, element 0 as a cell, number of elements)."""
    if cell.has("_M_impl"):
        first, last = cell["_M_impl"]["_M_start"], cell["_M_impl"]["_M_finish"]
    else:
        first, last = cell["__begin_"], cell["__end_"]
    return first, last


def items(cell, size):
    """The elements of a std::vector, which are `size` bytes each."""
    first, last = vector(cell)
    count, rest = divmod(last.int() - first.int(), size)
    if rest or not 0 <= count <= 100_000_000:
        raise Unreadable("not a vector")
    return Items(first, count)


class Items:
    """Elements that are looked at one by one, so that a long tape costs nothing until somebody asks."""

    def __init__(self, first, count):
        self.first, self.count = first, count

    def __len__(self):
        return self.count

    def __getitem__(self, i):
        if not 0 <= i < self.count:
            raise IndexError(i)
        return self.first.at(i)


def pointee(cell):
    """What a std::shared_ptr holds: the cell of the pointer."""
    return cell["_M_ptr"] if cell.has("_M_ptr") else cell["__ptr_"]


def string(cell):
    """A std::string."""
    if cell.has("_M_dataplus"):
        return cell["_M_dataplus"]["_M_p"].text()
    return cell.string()


# ---------------------------------------------------------------------------------------------------------------------
# Shapes and numbers.

TYPES = ("f32", "f64", "bf16", "i32")                          # DType, in its order
SIZE = {"f32": 4, "f64": 8, "bf16": 2, "i32": 4}
LETTER = {"f32": "f", "f64": "d", "bf16": "H", "i32": "i"}     # of the array module
MAX_RANK = 5


def number(x):
    if isinstance(x, int):
        return str(x)
    return "nan" if math.isnan(x) else "%.4g" % x


def brackets(sizes):
    return "(" + ",".join(str(n) for n in sizes) + ")"


def shape(cell):
    rank = cell["rank"].int()
    if not 0 <= rank <= MAX_RANK:
        raise Unreadable("not a shape")
    return [cell["size"].at(i).int() for i in range(rank)]


def where(cell):
    file = cell["file"].text()
    return "%s:%d" % (file, cell["line"].int()) if file else ""


def bf16(bits):
    return array.array("f", array.array("I", [b << 16 for b in bits]).tobytes())


class Array:
    """Numbers in the program's memory: an address, a type, sizes, and strides in elements."""

    def __init__(self, cell, address, dtype, sizes, strides):
        if not 0 <= dtype < len(TYPES) or any(not 0 <= n < 1 << 40 for n in sizes):
            raise Unreadable("not built yet")
        self.cell, self.address, self.dtype = cell, address, TYPES[dtype]
        self.sizes, self.strides = sizes, strides

    def count(self):
        return math.prod(self.sizes)

    def packed(self):
        expected = 1
        for n, step in zip(reversed(self.sizes), reversed(self.strides)):
            if n != 1 and step != expected:
                return False
            expected *= n
        return True

    def offset(self, index):
        """Of element number `index` in row-major order, in elements."""
        total = 0
        for n, step in zip(reversed(self.sizes), reversed(self.strides)):
            total += index % n * step
            index //= n
        return total

    def span(self, first, count):
        """`count` elements of memory from `first` on, as they lie there."""
        size = SIZE[self.dtype]
        raw = array.array(LETTER[self.dtype], self.cell.read(self.address + first * size, count * size))
        return bf16(raw) if self.dtype == "bf16" else raw

    def head(self, count):
        """The first few elements in row-major order, each read on its own."""
        return [self.span(self.offset(i), 1)[0] for i in range(min(count, self.count()))]

    def values(self):
        """All elements in row-major order; the memory is read once."""
        if self.count() == 0:
            return array.array("d")
        if self.packed():
            return self.span(0, self.count())
        low = sum(min(0, (n - 1) * s) for n, s in zip(self.sizes, self.strides))
        high = sum(max(0, (n - 1) * s) for n, s in zip(self.sizes, self.strides))
        memory = self.span(low, high - low + 1)
        offsets = [-low]
        for n, step in zip(self.sizes, self.strides):
            offsets = [o + i * step for o in offsets for i in range(n)]
        return [memory[o] for o in offsets]

    def preview(self, count=6):
        try:
            texts = [number(x) for x in self.head(count)]
        except Unreadable:
            return "[not in this machine's memory]"
        return "[" + ", ".join(texts + (["..."] if self.count() > count else [])) + "]"

    def describe(self):
        strides = "" if self.packed() else " strides " + brackets(self.strides)
        return "%s %s%s %s" % (brackets(self.sizes), self.dtype, strides, self.preview())

    def first_nonfinite(self):
        """Its place in row-major order, or None. A sum of finite numbers in double is finite, so most need no search."""
        if self.dtype == "i32":
            return None
        values = self.values()
        if math.isfinite(math.fsum(values) if len(values) < 16 else sum(values)):
            return None
        return next((i for i, x in enumerate(values) if not math.isfinite(x)), None)


def place(index, sizes):
    """Element 7 of (2,5) is [1,2]."""
    digits = []
    for n in reversed(sizes):
        digits.append(index % n)
        index //= n
    return "[" + ",".join(str(i) for i in reversed(digits)) + "]"


# ---------------------------------------------------------------------------------------------------------------------
# The engine: tensors, nodes, tapes.

def tensor(cell):
    """A Tensor as an Array, or None for an empty one."""
    buffer = pointee(cell["buffer_"])
    if buffer.int() == 0:
        return None
    sizes, strides = shape(cell["shape_"]), shape(cell["stride_"])
    dtype = cell["dtype_"].int()
    if not 0 <= dtype < len(TYPES):
        raise Unreadable("not built yet")
    address = buffer.deref()["data"].int() + cell["offset_"].int() * SIZE[TYPES[dtype]]
    return Array(cell, address, dtype, sizes, strides)


def view(cell):
    rank = cell["rank"].int()
    if not 0 <= rank <= MAX_RANK:
        raise Unreadable("not built yet")
    sizes = [cell["shape"].at(i).int() for i in range(rank)]
    strides = [cell["stride"].at(i).int() for i in range(rank)]
    return Array(cell, cell["data"].int(), cell["dtype"].int(), sizes, strides)


def nodes(tape):
    """The nodes of a Tape: pointers, first to last."""
    return items(tape["nodes_"], 8)


def node_at(tape, i):
    return nodes(tape)[i].deref().whole()


def inputs(node):
    return [node["inputs"].at(i).int() for i in range(node["input_count"].int())]


def percent(ids):
    return " ".join("%%%d" % i if i >= 0 else "-" for i in ids)


def node_name(node):
    """%4 gelu"""
    return "%%%d %s" % (node["id"].int(), node["op"].text())


def node_place(node):
    """in mlp, model/gpt.cpp:88. A leaf is called what its weight is called."""
    scope, line = node["scope"].text(), where(node["where"])
    if not scope:
        return line
    return ("%s, %s" if node["leaf"].int() else "in %s, %s") % (scope, line)


def node_output(node):
    return "%s %s" % (brackets(shape(node["shape"])), TYPES[node["dtype"].int()])


def node_line(node):
    """gelu %4 (4,5) f32 <- %3, in mlp, model/gpt.cpp:88"""
    made_from = inputs(node)
    arrow = " <- " + percent(made_from) if made_from else ""
    return "%s %s%s, %s" % (node_name(node), node_output(node), arrow, node_place(node))


def tape_of(cell):
    """The Tape a Tensor was recorded on, as a cell; None if nobody recorded it."""
    tape = cell["tape_"]
    return tape.deref() if tape.int() and cell["node_"].int() >= 0 else None


def maker(cell):
    """The node that made a Tensor, or None, and a word about it where there is more to say."""
    tape = tape_of(cell)
    if tape is None:
        return None, ""
    if tape["step_"].int() != cell["step_"].int():
        return None, "made in step %d, which the tape has forgotten" % cell["step_"].int()
    i = cell["node_"].int()
    if i >= len(nodes(tape)):
        return None, ""
    return node_at(tape, i), ""


def recorded(cell):
    """A Tensor on a tape, as (tape, node number)."""
    tape = tape_of(cell)
    if tape is None:
        raise Unreadable("nobody recorded this tensor: it is not on a tape")
    if tape["step_"].int() != cell["step_"].int():
        raise Unreadable("this tensor was made in a step that its tape has forgotten")
    return tape, cell["node_"].int()


def guarded(describe):
    """A summary never fails: what cannot be read is said."""
    def wrapped(cell, *more):
        try:
            return describe(cell, *more)
        except Unreadable as problem:
            return "<%s>" % (problem or "not readable")
    return wrapped


@guarded
def tensor_summary(cell):
    numbers = tensor(cell)
    if numbers is None:
        return "Tensor (empty)"
    text = "Tensor " + numbers.describe()
    node, remark = maker(cell)
    if node is not None:
        text += " <- %s, %s" % (node_name(node), node_place(node))
    return text + (" (%s)" % remark if remark else "")


@guarded
def view_summary(cell):
    return "View (none)" if cell["data"].int() == 0 else "View " + view(cell).describe()


@guarded
def into_summary(cell):
    if cell["view"]["data"].int() == 0:
        return "Into (nobody wants it)"
    return "Into (%s) %s" % ("adds" if cell["add"].int() else "overwrites", view(cell["view"]).describe())


@guarded
def shape_summary(cell):
    return brackets(shape(cell))


@guarded
def where_summary(cell):
    return where(cell) or "nowhere"


@guarded
def parameter_summary(cell):
    value = tensor(cell["value"])
    text = "Parameter %s %s" % (string(cell["name"]), value.describe() if value else "(empty)")
    grad = tensor(cell["grad"])
    return text + (", grad " + grad.preview() if grad and cell["touched"].int() else ", no gradient yet")


@guarded
def buffer_summary(cell):
    text = "Buffer of %d bytes, version %d" % (cell["bytes"].int(), cell["version"].int())
    writer = cell["writer"].text()
    return text + (", last written by %s at %s" % (writer, where(cell["written"])) if writer else "")


@guarded
def tape_summary(cell):
    scope = cell["scope_"].text()
    return "Tape of %d nodes, step %d, %s%s" % (
        len(nodes(cell)), cell["step_"].int(), "recording" if cell["recording_"].int() else "not recording",
        ", in scope " + scope if scope else "")


@guarded
def slot_summary(cell):
    i = cell["node_"].int()
    if i < 0:
        return "Slot (nobody wants this derivative)"
    node = node_at(cell["tape_"].deref(), i)
    grad = tensor(node["grad"])
    return "Slot of %s %s, %s" % (node_name(node), brackets(shape(node["shape"])),
                                  "holds " + grad.preview() if grad else "nothing added yet")


@guarded
def slots_summary(cell):
    node, tape = cell["node_"], cell["tape_"]
    names = [node_name(node_at(tape, i)) if i >= 0 else "nobody" for i in inputs(node)]
    return "Slots of %s: %s" % (node_name(node), ", ".join(names))


@guarded
def node_summary(cell):
    return node_line(cell)


# ---------------------------------------------------------------------------------------------------------------------
# Chapter 1: scalars.

OPERANDS = {"number": 0, "exp": 1, "log": 1, "relu": 1}        # the others have two
OPS = ("number", "add", "mul", "pow", "exp", "log", "relu")    # scalar::Op, in its order


class ScalarTape:
    """A scalar::Tape: three arrays side by side."""

    def __init__(self, cell):
        self.cell, self.size = cell, cell["size_"].int()
        if not 0 <= self.size <= cell["capacity_"].int():
            raise Unreadable("not built yet")
        self.data, self.grad, self.node = cell["data_"].owned(), cell["grad_"].owned(), cell["node_"].owned()

    def gradient(self, i):
        return self.grad.at(i).float() if i < self.cell["graded_"].int() else 0.0

    def op(self, i):
        op = self.node.at(i)["made"]["op"].int()
        return OPS[op] if op < len(OPS) else "op %d" % op

    def inputs(self, i):
        made_from = self.node.at(i)["in"]
        return [made_from.at(k).int() for k in range(OPERANDS.get(self.op(i), 2))]

    def local(self, i):
        return [self.node.at(i)["local"].at(k).float() for k in range(OPERANDS.get(self.op(i), 2))]

    def where(self, i):
        files, made = items(self.cell["files_"], 8), self.node.at(i)["made"]
        return "%s:%d" % (files[made["file"].int()].text(), made["line"].int())

    def line(self, i):
        arrow = " <- " + hashes(self.inputs(i)) if self.inputs(i) else ""
        return "#%d %s%s data=%s grad=%s, %s" % (i, self.op(i), arrow, number(self.data.at(i).float()),
                                               number(self.gradient(i)), self.where(i))


def hashes(ids):
    return " ".join("#%d" % i for i in ids)


def scalar_place(cell):
    """A scalar::Value as (its tape, its number on it)."""
    tape, i = cell["tape_"], cell["id_"].int()
    if tape.int() == 0:
        raise Unreadable("a Value without a number")
    tape = tape.deref()
    if cell["step_"].int() != tape["step_"].int() and i >= tape["kept_"].int():
        raise Unreadable("Value #%d, which was made before its tape was rewound" % i)
    return ScalarTape(tape), i


@guarded
def value_summary(cell):
    tape, i = scalar_place(cell)
    return "Value " + tape.line(i)


@guarded
def scalar_tape_summary(cell):
    return "scalar Tape of %d nodes" % ScalarTape(cell).size


SUMMARIES = {
    "glass::Tensor": tensor_summary,
    "glass::View": view_summary,
    "glass::Into": into_summary,
    "glass::Shape": shape_summary,
    "glass::Where": where_summary,
    "glass::Parameter": parameter_summary,
    "glass::Buffer": buffer_summary,
    "glass::Tape": tape_summary,
    "glass::Slot": slot_summary,
    "glass::Slots": slots_summary,
    "glass::scalar::Value": value_summary,
    "glass::scalar::Tape": scalar_tape_summary,
}
