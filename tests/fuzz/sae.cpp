// interp/features/sae_train.h: an autoencoder that a stranger trained.
#include "interp/features/sae_show.h"
#include "tests/fuzz/looked_at.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace glass;
  return fuzz::attempt(data, size, [](const ByteSource& source) {
    const Specimen& specimen = fuzz::looked_at();
    const auto model = load_sae(source, specimen, "RENEW");
    fuzz::tell(overview_of(specimen, *model));
    fuzz::tell(feature_of(specimen, *model, 0));
  });
}
