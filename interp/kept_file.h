// What an analysis keeps beside a model: a scan of its neurons, an autoencoder, a tuned lens. The
// file is laid out and verified as a checkpoint is (digests of every tensor and of the whole), and
// its notes say of which weights it speaks: with others it is stale, and refused with the command
// that makes it anew.
//
// A digest finds damage, not malice: whoever made the file could make the digest. So every number
// that is read back is held against its range here, and what breaks one is a ContentError.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "interp/specimen.h"
#include "model/checkpoint.h"

namespace glass {

struct KeptKind {
  const char* name;      // the note: "neurons"
  const char* called;    // in words: "scan of neurons"
  const char* version;   // of what such a file means
};

inline constexpr KeptKind kKeptNeurons = {"neurons", "scan of neurons", "2"};
inline constexpr KeptKind kKeptSae = {"sparse autoencoder", "sparse autoencoder", "2"};
inline constexpr KeptKind kKeptTunedLens = {"tuned lens", "tuned lens", "2"};

// UsageError where a file is there that is something else, a checkpoint perhaps: only what can be
// made again by the same command may be replaced.
void refuse_to_replace(const std::string& path, const KeptKind& kind);

// `renew`, in all that follows: the command that makes such a file.
class KeptFile {
 public:
  KeptFile(const ByteSource& source, const KeptKind& kind, const Specimen& specimen,
           const std::string& renew);

  std::string note(const std::string& key) const;   // "" where there is none
  std::int64_t integer(const std::string& key, std::int64_t low, std::int64_t high) const;
  void require(const std::string& key, const std::string& now, const std::string& other) const;

  bool has(const std::string& name) const { return file_.find(name) != nullptr; }
  const StoredTensor& tensor(const std::string& name) const;
  // Into a tensor of the model's kind; no number of it may be infinite or none.
  void fill(Tensor& x, const std::string& name) const;
  // All numbers of a tensor of doubles that has this many.
  std::vector<double> numbers(const std::string& name, std::size_t count) const;
  std::size_t count(const std::string& name) const;   // of doubles

  [[noreturn]] void refuse(const std::string& why) const;   // "FILE is not whole: WHY. Renew it .."
  std::int64_t whole(double x, std::int64_t low, std::int64_t high, const char* what) const;
  double finite(double x, const char* what) const;

 private:
  std::string path_, renew_;
  Checkpoint file_;
};

void save_kept(const std::string& path, const KeptKind& kind, const Provenance& from,
               std::vector<StoredTensor> tensors, Notes notes);

// What a note about a tokenizer says; "" for none.
inline constexpr const char* kTokenizerNote = "glass.of.tokenizer";
std::string digest_of(const TokenizerPtr& tokenizer);

// A model that is a file has what is kept of it beside it, one that is a folder in it:
// "names.neurons", or "names/glass.neurons".
std::string path_beside(const std::string& model, const std::string& kind);

}   // namespace glass
