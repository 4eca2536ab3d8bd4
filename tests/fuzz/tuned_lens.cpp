// interp/read/tuned_lens.h: a tuned lens that a stranger trained.
#include "interp/read/lens.h"
#include "tests/fuzz/looked_at.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace glass;
  return fuzz::attempt(data, size, [](const ByteSource& source) {
    const Specimen& specimen = fuzz::looked_at();
    const TunedLens lens = load_tuned_lens(source, specimen, "renew");
    if (lens.translators.empty()) return;
    LensOptions options{.at = LensAt::all, .tuned = &lens};
    const std::int32_t ids[] = {2, 0, 1};
    fuzz::tell(lens_of(specimen, ids, options));
  });
}
