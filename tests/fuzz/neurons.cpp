// interp/features/neuron_scan.h: a scan of neurons that a stranger made. In the preset `fuzz` any
// digest is accepted; else no mutation would get behind it.
#include "interp/features/neurons.h"

#include "tests/fuzz/looked_at.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace glass;
  return fuzz::attempt(data, size, [](const ByteSource& source) {
    const Specimen& specimen = fuzz::looked_at();
    const UnitScan scan = load_neurons(source, specimen, "RENEW");
    fuzz::tell(overview_of(specimen, scan));
    fuzz::tell(neuron_of(specimen, scan, 1, 2));
  });
}
