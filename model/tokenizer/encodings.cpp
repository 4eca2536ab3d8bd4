// The encodings that everybody knows: what their files are called, how to tell them from others,
// how they cut text, and which ids stand for no text. Between the ranks and those ids some are left
// free in cl100k and o200k; nothing is encoded as them, and they decode to nothing.
#include <algorithm>
#include <filesystem>

#include "engine/base/base64.h"
#include "engine/base/byte_source.h"
#include "engine/base/error.h"
#include "engine/base/sha256.h"
#include "engine/base/text.h"
#include "model/formats/file_or_folder.h"
#include "model/public_data.h"
#include "model/tokenizer/bpe.h"
#include "model/tokenizer/rank_file.h"

namespace glass {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 28;   // of a file of ranks
constexpr std::string_view kCompact = "-compact";

std::string_view base_of(std::string_view spec) {
  return is_compact(spec) ? spec.substr(0, spec.size() - kCompact.size()) : spec;
}

std::string sha256_of(std::string_view text) {
  Sha256 sum;
  sum.add(std::as_bytes(std::span(text.data(), text.size())));
  return sum.hex();
}

TokenizerPtr made_of(std::string_view text, const KnownEncoding& encoding,
                     const std::string& what) {
  return tokenizer_from_ranks(read_ranks(text, what), encoding.pattern, encoding.special,
                              std::string(encoding.name), what);
}

// "" where it is in none of the folders.
std::string path_of(const KnownEncoding& encoding, const std::string& folder) {
  std::vector<std::string> folders = data_folders();
  if (!folder.empty()) folders.insert(folders.begin(), folder);
  std::error_code fault;
  for (const std::string& in : folders) {
    for (const std::string_view file : encoding.files) {
      const std::string path = in + "/" + std::string(file);
      if (fs::is_regular_file(path, fault)) return path;
    }
  }
  return "";
}

std::string how_to_get(const KnownEncoding& encoding) {
  return "glass data fetch " + std::string(encoding.fetch) + " --run";
}

}   // namespace

std::span<const KnownEncoding> known_encodings() {
  static const std::vector<KnownEncoding> encodings = {
      {.name = "gpt2",
       .pattern = Pattern::gpt2,
       .files = {"gpt2.tiktoken", "r50k_base.tiktoken"},
       .sha256 = "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930",
       .fetch = "r50k",
       .special = {{"<|endoftext|>", 50256}}},
      {.name = "cl100k",
       .pattern = Pattern::cl100k,
       .files = {"cl100k_base.tiktoken"},
       .sha256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
       .fetch = "cl100k",
       .special = {{"<|endoftext|>", 100257},
                   {"<|fim_prefix|>", 100258},
                   {"<|fim_middle|>", 100259},
                   {"<|fim_suffix|>", 100260},
                   {"<|endofprompt|>", 100276}}},
      {.name = "o200k",
       .pattern = Pattern::o200k,
       .files = {"o200k_base.tiktoken"},
       .sha256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
       .fetch = "o200k",
       .special = {{"<|endoftext|>", 199999}, {"<|endofprompt|>", 200018}}}};
  return encodings;
}

const KnownEncoding* find_encoding(std::string_view name) {
  for (const KnownEncoding& encoding : known_encodings())
    if (encoding.name == name) return &encoding;
  return nullptr;
}

// Compares digests of the files: the one that everybody has, and the one that these would make.
const KnownEncoding* find_encoding(std::span<const std::string> bytes_by_rank,
                                   std::vector<SpecialToken> special) {
  std::sort(special.begin(), special.end(),
            [](const SpecialToken& a, const SpecialToken& b) { return a.id < b.id; });
  const auto same = [](const SpecialToken& a, const SpecialToken& b) {
    return a.id == b.id && a.text == b.text;
  };
  for (const KnownEncoding& encoding : known_encodings()) {
    if (!std::equal(special.begin(), special.end(), encoding.special.begin(),
                    encoding.special.end(), same))
      continue;
    std::string file;
    for (std::size_t rank = 0; rank < bytes_by_rank.size(); ++rank)
      file += base64(bytes_by_rank[rank]) + " " + std::to_string(rank) + "\n";
    if (sha256_of(file) == encoding.sha256) return &encoding;
  }
  return nullptr;
}

bool is_compact(std::string_view spec) {
  return spec.size() > kCompact.size() && spec.substr(spec.size() - kCompact.size()) == kCompact;
}

const KnownEncoding* encoding_of_spec(std::string_view spec) {
  return find_encoding(base_of(spec));
}

TokenizerPtr open_encoding(const KnownEncoding& encoding, const std::string& folder) {
  const std::string path = path_of(encoding, folder);
  if (path.empty()) {
    fail(SystemError("the tokens of " + std::string(encoding.name) +
                     " are not on this machine (no " + std::string(encoding.files.back()) +
                     " in --ranks, GLASS_DATA or " + data_folder() +
                     "); to download them: " + how_to_get(encoding)));
  }
  const std::string text = all_bytes(FileSource(path), kMostBytes);
  const std::string sum = sha256_of(text);
  if (sum != encoding.sha256) {
    fail(ContentError(in_quotes(path) + " is not the file that everybody calls " +
                      std::string(encoding.name) + ": its SHA-256 is " + sum + ", not " +
                      std::string(encoding.sha256) + "; fetch it again: " + how_to_get(encoding)));
  }
  return made_of(text, encoding, in_quotes(path));
}

TokenizerPtr tokenizer_from_rank_file(std::string_view text, const std::string& path) {
  const std::string sum = sha256_of(text), what = in_quotes(path);
  for (const KnownEncoding& encoding : known_encodings())
    if (sum == encoding.sha256) return made_of(text, encoding, what);
  std::vector<std::string> ranks = read_ranks(text, what);   // is it such a file at all?
  const std::string name = fs::path(path).filename().string();
  for (const KnownEncoding& encoding : known_encodings()) {
    if (name.find(encoding.name) == std::string::npos) continue;
    const std::string spec = "ranks:" + std::to_string(ranks.size());
    return tokenizer_from_ranks(std::move(ranks), encoding.pattern, {}, spec, what);
  }
  fail(ContentError(what +
                    " is a file of ranks, but nobody's that is known, and so it does not say "
                    "how text is cut; put gpt2, cl100k or o200k into its name, whichever it "
                    "is: mine.cl100k.tiktoken."));
}

}   // namespace glass
