# A walk through autograd with gdb. From the root of the repository, after a build:
#
#   gdb -nx -batch -x tools/gdb/tour.gdb build/release/glass_tour
#
# The program is tools/gdb/tour.cpp. Lines that begin with + in the output are the commands below. A test runs this file
# and checks what it prints.
set pagination off
set confirm off
set width 0
set style enabled off
set print pretty on
source tools/gdb/glass_gdb.py
set trace-commands on

# Chapter 1. A number that remembers how it was made: a tape of small nodes, each with the slope towards its inputs.
tbreak glass::scalar::Tape::backward
run
up
print y
print loss
glass-graph loss

# Backward reads the tape from its end. At each node: gradient of an input += slope * gradient of the node.
glass-step
glass-step
glass-step
glass-tape

# Chapter 2. The same with tensors. Stop where gelu is about to compute: its input knows the line that made it.
glass-break-op gelu forward
continue
print x
finish

# Stop in the derivative of matmul. The node is a struct whose fields are what the derivative needs.
glass-break-op matmul backward
continue
print *this
print dx
backtrace -frame-arguments presence

# The tape, halfway: who has a gradient, and what was given back already.
glass-tape

# On to the next node that has a derivative to compute, twice.
glass-step
glass-step
glass-show dy
glass-stats x
frame function train_step
glass-grad net.w2

# Another run, with a trap in it: stop at the first number that is not finite.
delete
glass-break-nan
run trap
print node
kill
