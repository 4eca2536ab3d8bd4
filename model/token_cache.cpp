#include "model/token_cache.h"

#include <unistd.h>

#include <filesystem>

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "kernels/user_cache.h"
#include "model/token_folder.h"

namespace glass {
namespace {

namespace fs = std::filesystem;

// Counted up when the same text and options would be prepared differently.
constexpr const char* kEdition = "1";

std::string cache_folder(const DataOptions& options) {
  if (options.cache == "off") return "";
  if (!options.cache.empty()) return options.cache;
  return user_cache_folder();
}

}   // namespace

TokenCache::TokenCache(std::string_view text, const DataOptions& options)
    : base_(cache_folder(options)) {
  Xxh64 hash;
  const auto add = [&](std::string_view part) {
    hash.add(std::to_string(part.size()) + ":");   // so that no two lists of parts look the same
    hash.add(part);
  };
  add(kEdition);
  add(options.use != nullptr ? options.use->to_json() : options.tokenizer);
  add(shortest(options.val));
  add(options.doc_sep);
  add(options.doc_mark);
  add(text);
  name_ = hex16(hash.digest());
}

std::optional<Dataset> TokenCache::find(const DataOptions& options) const {
  std::error_code ignored;
  if (base_.empty() || !fs::exists(base_ + "/" + name_, ignored)) return std::nullopt;
  try {
    return open_token_folder(base_ + "/" + name_, options);
  } catch (const Error&) {
    // Damaged, whatever the damage is: it is only a copy, so it goes and is made again.
    fs::remove_all(base_ + "/" + name_, ignored);
    return std::nullopt;
  }
}

void TokenCache::keep(const EncodedText& text, const std::string& source) const {
  if (base_.empty()) return;
  std::error_code fault;
  const std::string unfinished = base_ + "/" + name_ + ".part" + std::to_string(::getpid());
  fs::create_directories(unfinished, fault);
  if (fault) return;
  try {
    write_token_folder(unfinished, text, source);
    fs::rename(unfinished, base_ + "/" + name_, fault);   // fails if another run was faster
  } catch (const SystemError&) {
    // A full disk: this run has its tokens in memory.
  }
  fs::remove_all(unfinished, fault);
}

}   // namespace glass
