// All kernels for the emulator, from the copies in which a number chooses a mistake.
#define GLASS_EMULATED 1
#include "kernels/gpu/language/gpu.h"
#include "tests/mutants/active.h"

// An array of the group that has another size where the mistake is switched on: what comes behind
// it moves up.
#define SHARED_ARRAY_OR(number, wrong, type, name, dims)                      \
  typedef type name##_array dims;                                             \
  typedef type name##_wrong wrong;                                            \
  name##_array& name = *static_cast<name##_array*>(::glass::emulator::shared( \
      mutant(number) ? sizeof(name##_wrong) : sizeof(name##_array), #name))

#include "kernels/emulator/kernels.cpp"
#include "tests/gpu/mutants/helpers.h"

namespace glass {
namespace gpu {

// What the helpers of rows.h promise to a kernel that calls them again and again, also where none
// of the house does.
KERNEL(helpers, HelperArgs, 256) {
  Thread t = this_thread();
  SHARED_ARRAY(float, scratch, [8]);
  float sum = 0, largest = 0;
  for (uint i = 0; i < 4; ++i) {
    sum += group_sum(t, scratch, float((t.id + i) % 2));
    largest += group_max(t, scratch, float((t.id + 64 * i) % 256));
    largest += group_max(t, scratch, -float((t.id + 64 * i) % 256));
  }
  p.out[t.group.x * 256 + t.id] = sum + largest;
}

}   // namespace gpu
}   // namespace glass
