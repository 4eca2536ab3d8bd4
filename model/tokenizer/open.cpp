#include "model/tokenizer/open.h"

#include <algorithm>
#include <filesystem>

#include "engine/base/base64.h"
#include "engine/base/byte_source.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "model/formats/file_or_folder.h"
#include "model/formats/gguf_tokenizer.h"
#include "model/formats/llmc.h"
#include "model/formats/safetensors.h"
#include "model/run_folder.h"
#include "model/tokenizer/huggingface.h"
#include "model/tokenizer/nanogpt_meta.h"
#include "model/tokenizer/rank_file.h"

namespace glass {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 28;   // of a file that is a tokenizer

std::string all_of(const std::string& path) { return all_bytes(FileSource(path), kMostBytes); }

TokenizerPtr from_notes(const Notes& notes, const std::string& what) {
  const auto found = notes.find("glass.tokenizer");
  if (found == notes.end()) {
    fail(ContentError(what + " has no tokenizer in it; name the tokenizer.json or meta.pkl of the "
                             "data it learned from."));
  }
  return tokenizer_from_json(found->second, what + ": glass.tokenizer");
}

std::string beside(const std::string& path, const char* name) {
  return (fs::path(path).parent_path() / name).string();
}

// vocab.json and merges.txt say half of it each, whichever of them was named.
TokenizerPtr from_both(const std::string& vocab, const std::string& merges,
                       const std::string& named) {
  const std::string& other = named == vocab ? merges : vocab;
  std::error_code fault;
  if (!fs::exists(other, fault)) {
    fail(ContentError(in_quotes(named) + " is half a tokenizer: the other half, " +
                      in_quotes(other) + ", is not there."));
  }
  return tokenizer_from_vocab_and_merges(all_of(vocab), all_of(merges), in_quotes(named));
}

TokenizerPtr from_json(const std::string& path) {
  const std::string json = all_of(path);
  switch (kind_of_json(json)) {
    case JsonFile::ours:
      return tokenizer_from_json(json, in_quotes(path));
    case JsonFile::huggingface:
      return tokenizer_from_huggingface(json, in_quotes(path));
    case JsonFile::vocabulary:
      break;
  }
  return from_both(path, beside(path, "merges.txt"), path);
}

TokenizerPtr from_gguf(const FileSource& file) {
  const TokenizerPtr tokenizer = read_gguf_tokenizer(GgufFile(file));
  if (!tokenizer) fail(ContentError(file.name() + " has no tokenizer in it."));
  return tokenizer;
}

TokenizerPtr from_file(const std::string& path) {
  const FileSource file(path);
  std::string start(std::min<std::uint64_t>(file.size(), 4096), '\0');
  file.read(0, std::as_writable_bytes(std::span(start.data(), start.size())));
  if (start.size() > 8 && start[8] == '{')   // eight bytes of length in front: safetensors
    return from_notes(read_safetensors_header(file).notes, in_quotes(path));
  if (start.starts_with("GGUF")) return from_gguf(file);
  if (is_llmc(file, kLlmcTokenizer)) return read_llmc_tokenizer(file);
  if (!start.empty() && start[0] == '\x80')
    return tokenizer_from_meta_pkl(all_of(path), in_quotes(path));
  if (!start.empty() && start[0] == '{') return from_json(path);
  // Two words a line: the ranks have a number behind base64, merges have two tokens.
  const std::vector<std::string> words = split(start.substr(0, start.find('\n')), ' ');
  if (words[0] == "#version:") return from_both(beside(path, "vocab.json"), path, path);
  std::string token;
  if (words.size() == 2 && from_base64(words[0], token))
    return tokenizer_from_rank_file(all_of(path), path);
  if (words.size() == 2 && fs::path(path).filename() == "merges.txt")
    return from_both(beside(path, "vocab.json"), path, path);
  fail(ContentError(in_quotes(path) +
                    " is no tokenizer: it is neither a tokenizer.json, nor a vocab.json or "
                    "merges.txt, nor a .tiktoken, nor a meta.pkl, nor llm.c's, nor a GGUF, nor a "
                    "checkpoint."));
}

TokenizerPtr from_folder(const std::string& folder) {
  std::error_code fault;
  for (const char* name : {"tokenizer.json", "vocab.json", "meta.pkl"})
    if (fs::exists(folder + "/" + name, fault)) return from_file(folder + "/" + name);
  if (is_run_folder(folder)) {
    if (const auto found = newest_checkpoint(folder))
      return from_notes(found->checkpoint.notes, in_quotes(found->path));
  }
  fail(ContentError("the folder " + in_quotes(folder) +
                    " has no tokenizer in it: no tokenizer.json, no vocab.json, no meta.pkl, no "
                    "checkpoint."));
}

}   // namespace

bool is_tokenizer_path(const std::string& spec) {
  std::error_code fault;
  const bool is_name = spec == "char" || spec == "bytes" || spec.compare(0, 4, "bpe:") == 0 ||
                       encoding_of_spec(spec) != nullptr;
  return !is_name && fs::exists(spec, fault);
}

TokenizerPtr open_tokenizer(const std::string& path) {
  std::error_code fault;
  return fs::is_directory(path, fault) ? from_folder(path) : from_file(path);
}

}   // namespace glass
