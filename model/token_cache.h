// Prepared tokens, kept for the next time. A folder of the cache is named after everything that
// decides what is in it (the text and the options), so it is never out of date, only unused; it
// appears under its name when it is complete. A cache that cannot be written is no error: it only
// saves time.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "model/corpus.h"
#include "model/dataset.h"

namespace glass {

class TokenCache {
 public:
  TokenCache(std::string_view text, const DataOptions& options);
  // The tokens of this text, if they are there and sound.
  std::optional<Dataset> find(const DataOptions& options) const;
  void keep(const EncodedText& text, const std::string& source) const;

 private:
  std::string base_;   // "": there is no cache
  std::string name_;
};

}   // namespace glass
