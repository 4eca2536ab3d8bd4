#include "model/builtin_names.h"

namespace glass {
namespace {

const char kNames[] = {
#include "data/names.txt.inc"
};

}  // namespace

std::string_view builtin_names() { return {kNames, sizeof kNames - 1}; }

}  // namespace glass
