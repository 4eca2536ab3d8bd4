#include "model/tokenizer/open.h"

#include <algorithm>
#include <filesystem>

#include "engine/base/byte_source.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "model/formats/safetensors.h"
#include "model/run_folder.h"
#include "model/tokenizer/nanogpt_meta.h"

namespace glass {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 28;   // of a file that is a tokenizer

std::string all_of(const FileSource& file) {
  if (file.size() > kMostBytes) {
    fail(ContentError(file.name() + " is too large for a tokenizer: " +
                      human_bytes(static_cast<double>(file.size())) + "."));
  }
  std::string bytes(file.size(), '\0');
  file.read(0, std::as_writable_bytes(std::span(bytes.data(), bytes.size())));
  return bytes;
}

TokenizerPtr from_notes(const Notes& notes, const std::string& what) {
  const auto found = notes.find("glass.tokenizer");
  if (found == notes.end()) {
    fail(ContentError(what + " has no tokenizer in it; name the tokenizer.json or meta.pkl of the "
                             "data it learned from."));
  }
  return tokenizer_from_json(found->second, what + ": glass.tokenizer");
}

TokenizerPtr from_file(const std::string& path) {
  const FileSource file(path);
  std::string start(std::min<std::uint64_t>(file.size(), 9), '\0');
  file.read(0, std::as_writable_bytes(std::span(start.data(), start.size())));
  if (start.size() == 9 && start[8] == '{')   // eight bytes of length in front: safetensors
    return from_notes(read_safetensors_header(file).notes, in_quotes(path));
  if (!start.empty() && start[0] == '\x80')
    return tokenizer_from_meta_pkl(all_of(file), in_quotes(path));
  if (!start.empty() && start[0] == '{') return tokenizer_from_json(all_of(file), in_quotes(path));
  fail(ContentError(in_quotes(path) +
                    " is no tokenizer: it is neither a tokenizer.json, nor a meta.pkl, nor a "
                    "checkpoint."));
}

TokenizerPtr from_folder(const std::string& folder) {
  for (const char* name : {"tokenizer.json", "meta.pkl"})
    if (fs::exists(folder + "/" + name)) return from_file(folder + "/" + name);
  if (is_run_folder(folder)) {
    if (const auto found = newest_checkpoint(folder))
      return from_notes(found->checkpoint.notes, in_quotes(found->path));
  }
  fail(ContentError("the folder " + in_quotes(folder) +
                    " has no tokenizer in it: no tokenizer.json, no meta.pkl, no checkpoint."));
}

}   // namespace

bool is_tokenizer_path(const std::string& spec) {
  std::error_code fault;
  const bool is_name = spec == "char" || spec == "bytes" || spec.compare(0, 4, "bpe:") == 0;
  return !is_name && fs::exists(spec, fault);
}

TokenizerPtr open_tokenizer(const std::string& path) {
  std::error_code fault;
  return fs::is_directory(path, fault) ? from_folder(path) : from_file(path);
}

}   // namespace glass
