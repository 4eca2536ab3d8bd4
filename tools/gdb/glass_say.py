"""What the commands of glass_gdb.py and glass_lldb.py print: tables, graphs, matrices, verdicts. Reads Cells."""
import math

from glass_look import (ScalarTape, Unreadable, brackets, hashes, inputs, node_at, node_line, node_name, node_output,
                        node_place, nodes, number, percent, place, recorded, scalar_place, scalar_tape_summary,
                        tape_summary, tensor, tensor_summary, view, where)

def aligned(rows, right=()):
    """Rows of texts as columns; the columns named in `right` end together."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [t.rjust(w) if i in right else t.ljust(w) for i, (t, w) in enumerate(zip(row, widths))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def scalar_table(cell, most):
    tape = ScalarTape(cell)
    first = max(0, tape.size - most)
    rows = [("node", "op", "inputs", "data", "grad", "slopes", "where")]
    for i in range(first, tape.size):
        rows.append(("#%d" % i, tape.op(i), hashes(tape.inputs(i)), number(tape.data.at(i).float()),
                     number(tape.gradient(i)), " ".join(number(x) for x in tape.local(i)), tape.where(i)))
    earlier = "... %d earlier nodes\n" % first if first else ""
    return scalar_tape_summary(cell) + "\n" + earlier + aligned(rows, right=(3, 4))


def pull_text(cell, i):
    """The chain rule at one node: #17 mul: #3.grad += 0.41 * 1   #9.grad += -0.03 * 1"""
    tape = ScalarTape(cell)
    rules = ["#%d.grad += %s * %s" % (j, number(slope), number(tape.gradient(i)))
             for j, slope in zip(tape.inputs(i), tape.local(i))]
    return "#%d %s, %s:  %s" % (i, tape.op(i), tape.where(i), "   ".join(rules))


def norm(cell):
    """sqrt of the sum of all squares of a Tensor, as text; "" for an empty one."""
    numbers = tensor(cell)
    if numbers is None:
        return ""
    try:
        return number(math.sqrt(sum(x * x for x in numbers.values())))
    except Unreadable:
        return "?"


def is_given_back(node):
    return node.type().endswith("::Done")


def tape_table(tape, running=None, most=60):
    """One row a node, the newest last; => marks the one whose backward is running."""
    if tape.type() == "glass::scalar::Tape":
        return scalar_table(tape, most)
    rows = [("", "node", "op", "output", "inputs", "scope", "where", "|value|", "|grad|", "")]
    first = max(0, len(nodes(tape)) - most)
    for i in range(first, len(nodes(tape))):
        node = node_at(tape, i)
        rows.append(("=>" if i == running else "", "%%%d" % i, node["op"].text(), node_output(node),
                     percent(inputs(node)), node["scope"].text(), where(node["where"]),
                     norm(node["value"]), norm(node["grad"]), "given back" if is_given_back(node) else ""))
    empty = [all(not row[c] for row in rows[1:]) for c in range(len(rows[0]))]
    rows = [[text for c, text in enumerate(row) if not empty[c] or c == 1] for row in rows]
    earlier = "... %d earlier nodes\n" % first if first else ""
    return tape_summary(tape) + "\n" + earlier + aligned(rows)


class Graph:
    """What a Tensor, a Value or a whole tape was made of: node numbers, and for each its inputs, line and look."""

    def __init__(self, cell):
        kind = cell.type()
        self.scalar = kind.startswith("glass::scalar::")
        if kind == "glass::scalar::Value":
            self.tape, self.last = scalar_place(cell)
        elif kind == "glass::scalar::Tape":
            self.tape = ScalarTape(cell)
            self.last = self.tape.size - 1
        elif kind == "glass::Tensor":
            self.tape, self.last = recorded(cell)
        elif kind == "glass::Tape":
            self.tape, self.last = cell, len(nodes(cell)) - 1
        else:
            raise Unreadable("a graph grows from a Tensor, a Value or a Tape, not from a " + kind)
        whole = kind.endswith("Tape")
        self.wanted, stack = set(), list(range(self.last + 1)) if whole else [self.last]
        while stack:
            i = stack.pop()
            if i not in self.wanted:
                self.wanted.add(i)
                stack.extend(self.inputs(i))

    def inputs(self, i):
        if self.scalar:
            return self.tape.inputs(i)
        return [j for j in inputs(node_at(self.tape, i)) if j >= 0]

    def line(self, i):
        return self.tape.line(i) if self.scalar else node_line(node_at(self.tape, i))

    def label(self, i):
        if self.scalar:
            numbers = "data %s\\ngrad %s" % (number(self.tape.data.at(i).float()), number(self.tape.gradient(i)))
            return "#%d %s\\n%s" % (i, self.tape.op(i), numbers)
        node = node_at(self.tape, i)
        return "%s\\n%s\\n%s" % (node_name(node), node_output(node), node_place(node))


def graph_text(cell, depth):
    """How a tensor was made: a node, and indented below it what it was made from."""
    graph = Graph(cell)
    lines, seen, stack = [], set(), [(graph.last, 0)]
    while stack:
        i, level = stack.pop()
        made_from = graph.inputs(i)
        again = i in seen and made_from
        lines.append("  " * level + graph.line(i) + (", as above" if again else ""))
        seen.add(i)
        if made_from and not again and level >= depth:
            lines.append("  " * (level + 1) + "...")
        elif not again:
            stack.extend((j, level + 1) for j in reversed(made_from))
    return "\n".join(lines)


def dot_text(cell):
    """The graph in the language of Graphviz."""
    graph = Graph(cell)
    lines = ["digraph tape {", '  node [shape=box, style=rounded, fontname="sans-serif"];']
    for i in sorted(graph.wanted):
        made_from = graph.inputs(i)
        style = "" if made_from else ', style="rounded,filled", fillcolor="#e8f0fe"'
        lines.append('  n%d [label="%s"%s];' % (i, graph.label(i).replace('"', "'"), style))
        lines += ["  n%d -> n%d;" % (j, i) for j in made_from]
    return "\n".join(lines + ["}", ""])


def numbers_of(cell):
    """Anything that holds numbers, as an Array: Tensor, View, Into, Parameter, Slot, or a Node that kept its value."""
    kind = cell.type()
    found = None
    if kind == "glass::Tensor":
        found = tensor(cell)
    elif kind == "glass::View":
        found = view(cell)
    elif kind == "glass::Into":
        found = view(cell["view"])
    elif kind == "glass::Parameter":
        found = tensor(cell["value"])
    else:
        raise Unreadable("a %s holds no numbers to show" % kind)
    if found is None or found.address == 0:
        raise Unreadable("it is empty")
    return found


def gradient_of(cell):
    """dL/d(x) as far as it is known: of a Parameter, of a Tensor on a tape, of a Node, of a Slot. A Tensor cell."""
    kind = cell.type()
    if kind == "glass::Parameter":
        if not cell["touched"].int():
            raise Unreadable("no backward has reached this parameter since its gradient was cleared")
        return cell["grad"]
    if kind == "glass::Tensor":
        tape, i = recorded(cell)
        node = node_at(tape, i)
    elif kind == "glass::Slot":
        node = node_at(cell["tape_"].deref(), cell["node_"].int())
    else:
        node = cell
    grad = node["grad"]
    if tensor(grad) is None:
        raise Unreadable("%s has no gradient now: backward has not reached it, or it was given back; "
                         "tape.keep_grads keeps it" % node_name(node))
    return grad


MOST_ROWS, MOST_COLUMNS, MOST_SLICES = 20, 12, 4


def clipped(n, most):
    """The indices to show of n, and None where some are left out."""
    if n <= most:
        return list(range(n))
    return list(range(most - 2)) + [None, n - 1]


def matrix_text(numbers):
    """The last two axes as an aligned matrix; leading axes as slices, one below the other."""
    values = numbers.values()
    sizes = numbers.sizes
    rows, columns = (sizes[-2] if len(sizes) > 1 else 1), (sizes[-1] if sizes else 1)
    slices = math.prod(sizes[:-2])
    lines = ["%s %s" % (brackets(sizes), numbers.dtype)]
    for s in range(min(slices, MOST_SLICES)):
        if len(sizes) > 2:
            lines.append("%s:" % place(s, sizes[:-2]).replace("]", ",:,:]"))
        table = []
        for r in clipped(rows, MOST_ROWS):
            base = (s * rows + r) * columns if r is not None else 0
            table.append([".." if r is None or c is None else number(values[base + c])
                          for c in clipped(columns, MOST_COLUMNS)])
        if table and table[0]:
            lines.append(aligned(table, right=range(len(table[0]))))
    if slices > MOST_SLICES:
        lines.append("... and %d more slices" % (slices - MOST_SLICES))
    return "\n".join(lines)


def stats_text(numbers):
    values = numbers.values()
    finite = [float(x) for x in values if math.isfinite(x)]
    lines = ["%s %s, %d numbers" % (brackets(numbers.sizes), numbers.dtype, len(values))]
    if finite:
        mean = math.fsum(finite) / len(finite)
        deviation = math.sqrt(math.fsum((x - mean) ** 2 for x in finite) / len(finite))
        lines.append("min %s  max %s  mean %s  deviation %s  norm %s" % tuple(
            number(x) for x in (min(finite), max(finite), mean, deviation, math.sqrt(math.fsum(x * x for x in finite)))))
        zeros = sum(x == 0 for x in finite)
        if zeros:
            lines.append("%d are zero (%.0f %%)" % (zeros, 100 * zeros / len(values)))
    bad = numbers.first_nonfinite()
    if bad is None:
        lines.append("all finite" if numbers.dtype != "i32" else "integers")
    else:
        nans = sum(math.isnan(x) for x in values)
        lines.append("%d nan, %d infinite; the first at %s" % (
            nans, len(values) - len(finite) - nans, place(bad, numbers.sizes)))
    return "\n".join(lines)


def backward_text(node, tape):
    """Where backward stands: the node, its gradient, what it saved, and whom it hands on to."""
    rows = [("dy", tensor_summary(node["grad"]))]
    rows += [(name, tensor_summary(cell)) for name, cell in node.own_fields() if cell.type() == "glass::Tensor"]
    for k, i in enumerate(inputs(node)):
        to = "%s %s" % (node_name(node_at(tape, i)), node_place(node_at(tape, i))) if i >= 0 else "nobody"
        rows.append(("dx[%d]" % k, "-> " + to))
    width = max(len(name) for name, _ in rows)
    return node_line(node) + "\n" + "\n".join("  %s  %s" % (name.ljust(width), text) for name, text in rows)


def nonfinite_output(node, y):
    """A sentence if a value that was just recorded is not finite, else None."""
    return verdict("the output of %s, %s," % (node_name(node), node_place(node)), y)


def nonfinite_gradient(node, tape):
    """A sentence if a backward that has just run gave somebody a gradient that is not finite, else None."""
    for k, i in enumerate(inputs(node)):
        if i < 0:
            continue
        to = node_at(tape, i)
        said = verdict("the gradient that %s, %s, gives to input %d, %s," % (
            node_name(node), node_place(node), k, node_name(to)), to["grad"])
        if said:
            return said
    return None


def verdict(what, cell):
    numbers = tensor(cell)
    bad = numbers.first_nonfinite() if numbers is not None else None
    if bad is None:
        return None
    return "first non-finite number: %s is %s at %s of %s" % (
        what, number(numbers.head(bad + 1)[bad]), place(bad, numbers.sizes), brackets(numbers.sizes))
