// Many small changes at once. A grid of patches is a batch: one row (or B, for a task of B pairs)
// for each cell, all alike but for the part that the cell changes, and one way through the rest of
// the model for all of them.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "interp/change/contrast.h"

namespace glass {

// Which part of an activation a cell changes; -1: all of it. `source` is the key of a pattern,
// whose `position` is the query.
struct Cell {
  int head = -1;
  std::int64_t position = -1, source = -1;
};

// x (cells B,..): row after row what it was, but in each cell's part what `source` (B,..) has
// there. Where nothing is asked for, not a bit changes.
Tensor with_cells(const Tensor& x, const Tensor& source, const std::vector<Cell>& cells,
                  const std::string& name);

Tensor repeated_rows(const Tensor& x, std::int64_t times);   // (B,..) -> (times B,..)

// For each cell: has its part of `source` (B,..) another number than its part of `x` (B,..)? Where
// not, the cell changes nothing, and its answer is that of the base run. In front of the first
// token in which two texts differ, nothing does.
std::vector<char> cells_that_differ(const Tensor& x, const Tensor& source,
                                    const std::vector<Cell>& cells, const std::string& name);

// The answer of each cell, where the stream that enters block `layer` is `stream` (B,T,C) of the
// base run, and the place `name` in this block (hook_resid_pre, attn.hook_z, ...) has the cells'
// parts from `source`. In as many batches as keep the memory in bounds.
std::vector<double> answers_of_cells(GPT& gpt, const Task& task, int layer, const std::string& name,
                                     const Tensor& stream, const Tensor& source,
                                     const std::vector<Cell>& cells);

// How many rows of T tokens to put into one batch.
std::int64_t rows_at_once(const GPTConfig& config, std::int64_t T);

}   // namespace glass
