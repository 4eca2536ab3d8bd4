// What a text does to every neuron, gathered in one pass over it: the strongest moments, the mean
// and the spread, a histogram. Nothing is kept of the rest, so a text of any length fits.
//
// The text is cut into windows as long as the model reads, one after the other. A neuron keeps one
// moment of each window at most, so that its list is not one sentence sixteen times. What stood
// before a window the model did not see, and so no context may show it.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "interp/features/gather.h"
#include "interp/kept_file.h"
#include "interp/specimen.h"
#include "model/dataset.h"

namespace glass {

struct UnitScan {
  Provenance from;
  std::string path;     // of the file; "": it is in none
  std::string source;   // what was scanned, and the digest of its tokens
  std::string source_digest, tokenizer_digest;
  std::int64_t T = 0;                // tokens a window
  int layers = 0, units = 0;         // units of each layer: its neurons
  std::vector<std::int32_t> text;    // whole windows
  std::vector<UnitRecord> records;   // layer after layer

  const UnitRecord& at(int layer, int unit) const {
    return records[static_cast<std::size_t>(layer) * static_cast<std::size_t>(units) +
                   static_cast<std::size_t>(unit)];
  }
};

struct NeuronScanOptions {
  std::size_t top = 16, bottom = 8;
  std::int64_t most = std::int64_t{1} << 18;   // tokens of the text that are read
  int threads = 1;                             // the result does not depend on it
  std::function<void(std::int64_t done, std::int64_t windows)> progress = {};
};

// UsageError where the model has no mlps.
UnitScan scan_neurons(const Specimen& specimen, const Dataset& data,
                      const NeuronScanOptions& options = {});

void save_neurons(const std::string& path, const UnitScan& scan);
// ContentError where the file was made with other weights or another tokenizer, or breaks a rule;
// `renew`, the command that makes it again, is in the message.
UnitScan load_neurons(const std::string& path, const Specimen& specimen, const std::string& renew);
UnitScan load_neurons(const ByteSource& source, const Specimen& specimen, const std::string& renew);

// The text and the records of a scan as tensors and notes of a file; and back, for a model or an
// autoencoder of so many layers and units.
std::vector<StoredTensor> stored(const UnitScan& scan);
Notes notes_of(const UnitScan& scan);
UnitScan read_scan(const KeptFile& file, const Specimen& specimen, int layers, int units);

}   // namespace glass
