// The file's digest stands inside of the file. It is computed as if its own 16 digits were '0', and
// written over them at the end.
#include "model/checkpoint.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/text.h"

namespace glass {
namespace {

constexpr std::string_view kScheme = "xxh64:";
constexpr std::size_t kDigits = 16;

#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
constexpr bool kAnyDigest = true;   // no fuzzer guesses one, and what lies behind is to be fuzzed
#else
constexpr bool kAnyDigest = false;
#endif

// A quotation mark inside of a text is written \", so these letters can only be the note itself.
const std::string& digest_field() {
  static const std::string field =
      "\"" + std::string(kDigestNote) + "\": \"" + std::string(kScheme);
  return field;
}

// Where the file's 16 digits stand in its header.
std::optional<std::size_t> place_of_digits(const std::string& header) {
  const std::size_t field = header.find(digest_field());
  if (field == std::string::npos || header.size() - field < digest_field().size() + kDigits)
    return {};
  return field + digest_field().size();
}

// Follows the bytes of a file from front to back and says which part of it is not as it was saved.
class Verifier {
 public:
  Verifier(const ByteSource& source, const SafetensorsHeader& header)
      : source_(source), header_(header) {
    const auto digits = place_of_digits(header.text);
    const auto note = header.notes.find(kTensorDigestsNote);
    if (!digits || note == header.notes.end())
      fail(ContentError(source.name() + " carries no " + kDigestNote +
                        ", so it is no checkpoint of ours, or a damaged one; files of other " +
                        "programs come in through glass import."));
    said_ = header.text.substr(*digits, kDigits);
    said_of_tensors_ = split(note->second, ' ');
    std::string zeroed = header.text;
    std::fill_n(zeroed.begin() + static_cast<std::ptrdiff_t>(*digits), kDigits, '0');
    file_.add(zeroed);
  }

  void add(std::span<const std::byte> bytes) {   // of the current tensor
    file_.add(bytes);
    tensor_.add(bytes);
  }
  void end_tensor() {
    const std::string digest = hex16(std::exchange(tensor_, Xxh64()).digest());
    const bool same =
        tensor_index_ < said_of_tensors_.size() && said_of_tensors_[tensor_index_] == digest;
    if (!same && damaged_.empty()) damaged_ = describe(tensor_index_, digest);
    ++tensor_index_;
  }
  std::string end() const {
    const std::string digest = hex16(file_.digest());
    if (digest != said_ && !kAnyDigest)
      fail(ContentError(
          source_.name() + " is damaged: its bytes have the digest " + digest +
          ", and it was saved with " + in_quotes(said_) + "; " +
          (damaged_.empty() ? "the tensors are whole, so the damage is in the header" : damaged_) +
          ". Use another copy."));
    return digest;
  }

 private:
  std::string describe(std::size_t i, const std::string& digest) const {
    const TensorEntry& entry = header_.tensors[i];
    const std::string said =
        i < said_of_tensors_.size() ? in_quotes(said_of_tensors_[i]) : "nothing";
    return "in tensor " + in_quotes(entry.name) + ", bytes " + std::to_string(entry.begin) +
           " to " + std::to_string(entry.end) + ", " + digest + " stands against " + said;
  }

  const ByteSource& source_;
  const SafetensorsHeader& header_;
  Xxh64 file_, tensor_;
  std::string said_, damaged_;
  std::vector<std::string> said_of_tensors_;
  std::size_t tensor_index_ = 0;
};

}   // namespace

const StoredTensor* Checkpoint::find(std::string_view name) const {
  for (const StoredTensor& tensor : tensors)
    if (tensor.name == name) return &tensor;
  return nullptr;
}

const std::string& Checkpoint::note(const std::string& key) const {
  const auto found = notes.find(key);
  if (found == notes.end())
    fail(ContentError("the checkpoint has no note " + in_quotes(key) +
                      "; it was saved by another program, or by another version of this one."));
  return found->second;
}

Checkpoint load_checkpoint(const std::string& path) { return load_checkpoint(FileSource(path)); }

Checkpoint load_checkpoint(const ByteSource& source) {
  refuse_more_than_memory(source);
  SafetensorsHeader header = read_safetensors_header(source);
  Verifier verifier(source, header);
  Checkpoint checkpoint;
  for (const TensorEntry& entry : header.tensors) {
    checkpoint.tensors.push_back(read_tensor(source, entry));
    verifier.add(checkpoint.tensors.back().bytes);
    verifier.end_tensor();
  }
  checkpoint.digest = verifier.end();
  checkpoint.notes = std::move(header.notes);
  return checkpoint;
}

std::string verify_checkpoint(const ByteSource& source) {
  const SafetensorsHeader header = read_safetensors_header(source);
  Verifier verifier(source, header);
  for (const TensorEntry& entry : header.tensors) {
    source.read_pieces(entry.begin, entry.end,
                       [&](std::span<const std::byte> piece) { verifier.add(piece); });
    verifier.end_tensor();
  }
  return verifier.end();
}

EncodedCheckpoint encode(const Checkpoint& checkpoint) {
  EncodedCheckpoint out;
  out.ordered = in_file_order(checkpoint.tensors);
  std::vector<std::string> digests;
  for (const StoredTensor& tensor : out.ordered) digests.push_back(hex16(xxh64(tensor.bytes)));
  Notes notes = checkpoint.notes;
  notes[kDigestNote] = std::string(kScheme) + std::string(kDigits, '0');
  notes[kTensorDigestsNote] = join(digests, " ");
  out.header = safetensors_header(out.ordered, notes);
  out.digits_at = place_of_digits(out.header).value();
  out.size = out.header.size() + total_bytes(out.ordered);
  return out;
}

std::string digest_of(const EncodedCheckpoint& encoded) {
  Xxh64 hash;
  hash.add(encoded.header);
  for (const StoredTensor& tensor : encoded.ordered) hash.add(tensor.bytes);
  return hex16(hash.digest());
}

std::string write_checkpoint(AtomicFile& file, const EncodedCheckpoint& encoded) {
  file.write(encoded.header);
  for (const StoredTensor& tensor : encoded.ordered) file.write(tensor.bytes);
  std::string digest = digest_of(encoded);
  file.overwrite(encoded.digits_at, digest);
  return digest;
}

void save_checkpoint(const std::string& path, const Checkpoint& checkpoint) {
  const EncodedCheckpoint encoded = encode(checkpoint);
  AtomicFile file(path, encoded.size);
  write_checkpoint(file, encoded);
  file.finish();
  file.publish();
}

}   // namespace glass
