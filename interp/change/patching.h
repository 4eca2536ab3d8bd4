// Where does the model keep what decides its answer? Run it on one text, and put into one place
// what it had there when it read the other. If the answer changes sides, the place holds what
// matters.
#pragma once
#include <string>
#include <vector>

#include "interp/change/contrast.h"
#include "interp/page/page.h"

namespace glass {

// denoise: the corrupt run gets a part of the clean one. 1: the part is enough for the clean
// answer. noise: the clean run gets a part of the corrupt one. 1: nothing can do without it. Both
// may leave 0 .. 1: a part can do more than the whole, or work against it.
enum class PatchMode : std::uint8_t { denoise, noise };

// What the columns of the grid are. A pattern's position is the query, its source the key.
enum class PatchBy : std::uint8_t { automatic, head, position, source };

struct PatchOptions {
  // resid_pre, resid_mid, resid_post, attn_out, mlp_out: by layer and position.
  // z, q, k, v, pattern: by layer and head; of one layer also by head and position; a pattern also
  // by head and source, and of one head by query and key.
  std::string site = "resid_pre";
  PatchMode mode = PatchMode::denoise;
  PatchBy by = PatchBy::automatic;
  int layer = -1, head = -1;   // -1: all
};

struct PatchResult {
  Provenance from;
  PatchOptions options;
  Question question;
  std::string row_axis, column_axis;
  std::vector<std::string> rows, columns;
  std::vector<double> grid;   // how much of the difference each cell makes, row after row
  double at(std::size_t row, std::size_t column) const {
    return grid[row * columns.size() + column];
  }
};

PatchResult patching_of(const Specimen& specimen, const Task& task,
                        const PatchOptions& options = {});

// How much of the way from the base's answer to the other's `answer` has gone.
double share_of_way(PatchMode mode, const TwoRuns& runs, double answer);

Page page_of(const PatchResult& result);
void put(Json& json, const PatchResult& result);
void put_grid(Json& json, const std::vector<double>& grid, std::size_t columns);   // grid[][]

}   // namespace glass
