// One state of a run in one safetensors file: parameters, moments, and everything else that a run
// needs to go on as if it had never stopped, as texts in __metadata__. The file carries checksums
// (XXH64), of every tensor and of the whole, so that a flipped bit is an error and not a strange
// model. It holds bytes of the host only; model/saved_model.h makes models of them.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/atomic_file.h"
#include "engine/base/byte_source.h"
#include "model/formats/safetensors.h"

namespace glass {

struct Checkpoint {
  std::vector<StoredTensor> tensors;
  Notes notes;   // glass.config, glass.step, ...; the notes about digests are made when saving
  std::string digest;   // of the file it was read from: 16 hexadecimal digits

  const StoredTensor* find(std::string_view name) const;   // or null
  const std::string& note(const std::string& key) const;   // ContentError if it is not there
};

// Reads and verifies. A foreign file, without a digest, is a ContentError: it could be one of ours
// whose note about the digest was hit.
Checkpoint load_checkpoint(const std::string& path);
Checkpoint load_checkpoint(const ByteSource& source);

// Only verifies, in a few megabytes of memory; the digest.
std::string verify_checkpoint(const ByteSource& source);

// The whole file, to any place.
void save_checkpoint(const std::string& path, const Checkpoint& checkpoint);

// --- How the digests stand in the header ---------------------------------------------------------

inline constexpr const char* kDigestNote = "glass.digest";   // "xxh64:" and 16 digits
inline constexpr const char* kTensorDigestsNote = "glass.digest.tensors";   // in the file's order

// Everything that is known before the first byte is written.
struct EncodedCheckpoint {
  std::vector<StoredTensor> ordered;
  std::string header;   // with the 16 digits of the file's digest as '0'
  std::size_t digits_at = 0;
  std::uint64_t size = 0;   // of the whole file
};
EncodedCheckpoint encode(const Checkpoint& checkpoint);
std::string digest_of(const EncodedCheckpoint& encoded);

// Writes it all, digits included, up to but not including file.finish(); the digest.
std::string write_checkpoint(AtomicFile& file, const EncodedCheckpoint& encoded);

}   // namespace glass
