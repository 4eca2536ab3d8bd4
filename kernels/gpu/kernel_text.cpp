#include "kernels/gpu/kernel_text.h"

namespace glass {
namespace gpu {
namespace {

const char kText[] = {
#include "kernels/gpu/all.text.inc"
};

}   // namespace

std::string_view kernel_text() { return {kText, sizeof kText - 1}; }

}   // namespace gpu
}   // namespace glass
