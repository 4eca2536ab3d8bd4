#include "tools/interp/heads_options.h"

#include <algorithm>

namespace glass {
namespace {

constexpr std::int64_t kMostTokens = 1 << 20;   // of a text; nobody reads more of it here

}   // namespace

std::vector<std::int32_t> text_asked(const Arguments& args, const Opened& opened) {
  const Dataset data = data_asked(args, opened);
  const Tokens& tokens = data.val.size() > 1 ? data.val : data.train;
  std::vector<std::int32_t> ids(
      static_cast<std::size_t>(std::min<std::int64_t>(tokens.size(), kMostTokens)));
  tokens.copy(0, ids);
  return ids;
}

}   // namespace glass
