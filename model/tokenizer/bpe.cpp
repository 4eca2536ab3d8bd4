#include "model/tokenizer/bpe.h"

#include <queue>

#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/base/text.h"
#include "model/tokenizer/split.h"

namespace glass {
namespace {

constexpr const char* kEndOfText = "<|endoftext|>";

// A chain of merges can double a token's length every time, and a file of a few hundred bytes could
// ask for more memory than there is.
constexpr std::size_t kLongestToken = std::size_t{1} << 24, kMostBytes = std::size_t{1} << 28;

std::uint64_t pair_key(std::int32_t left, std::int32_t right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

constexpr std::size_t kLongestKnown = 64, kMostKnown = 1 << 16;

}   // namespace

// GPT-2's files show every byte as a visible letter: those that are visible already stay, the other
// 68 become the letters from U+0100 on. The ids follow the numbers of these letters, so the visible
// bytes come first.
const std::array<std::int32_t, 256>& bpe_byte_ids() {
  static const std::array<std::int32_t, 256> ids = [] {
    const auto visible = [](int byte) {
      return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
    };
    std::array<std::int32_t, 256> table{};
    int next = kBpeFirstByte;
    for (const bool which : {true, false})
      for (int byte = 0; byte < 256; ++byte)
        if (visible(byte) == which) table[static_cast<std::size_t>(byte)] = next++;
    return table;
  }();
  return ids;
}

BpeTokenizer::BpeTokenizer(std::vector<BpeMerge> merges, const std::string& what)
    : merges_(std::move(merges)), bytes_(kBpeFirstMerge) {
  bytes_[kBpeEndOfText] = kEndOfText;
  for (std::size_t byte = 0; byte < 256; ++byte)
    bytes_[static_cast<std::size_t>(bpe_byte_ids()[byte])] =
        std::string(1, static_cast<char>(byte));
  std::size_t total = 0;
  for (std::size_t i = 0; i < merges_.size(); ++i) {
    const auto [left, right] = merges_[i];
    const auto id = static_cast<std::int32_t>(bytes_.size());
    const auto refuse = [&](const char* reason) {
      fail(ContentError(what + " is no list of merges: number " + std::to_string(i) + " (" +
                        std::to_string(merges_[i].left) + ", " + std::to_string(merges_[i].right) +
                        ") " + reason + "."));
    };
    if (left < kBpeFirstByte || right < kBpeFirstByte || left >= id || right >= id)
      refuse("glues something that is not there yet");
    if (!made_.emplace(pair_key(left, right), id).second) refuse("comes twice");
    const std::string bytes{std::string(token(left)).append(token(right))};
    total += bytes.size();
    if (bytes.size() > kLongestToken || total > kMostBytes)
      refuse("makes a token that is too long");
    bytes_.push_back(bytes);
  }
}

int BpeTokenizer::merged(std::int32_t left, std::int32_t right) const {
  const auto found = made_.find(pair_key(left, right));
  return found == made_.end() ? -1 : found->second;
}

// A chain of tokens, first one for every byte. Of all neighbours that can be glued, those go first
// that were found first in training, and among equals the leftmost; a queue keeps them in this
// order. What is in the queue may be out of date, since its tokens were glued to others meanwhile.
std::vector<std::int32_t> BpeTokenizer::encode_piece(std::string_view piece) const {
  struct Link {
    std::int32_t id;
    std::size_t before, after;   // piece.size(): none
  };
  struct Chance {
    std::int32_t made, left, right;
    std::size_t at;
    bool operator<(const Chance& o) const { return made != o.made ? made > o.made : at > o.at; }
  };
  const std::size_t none = piece.size();
  std::vector<Link> chain(piece.size());
  for (std::size_t i = 0; i < piece.size(); ++i) {
    const auto byte = static_cast<unsigned char>(piece[i]);
    chain[i] = {bpe_byte_ids()[byte], i == 0 ? none : i - 1, i + 1};
  }
  std::priority_queue<Chance> queue;
  const auto consider = [&](std::size_t at) {
    if (at == none || chain[at].after == none) return;
    const std::int32_t left = chain[at].id, right = chain[chain[at].after].id;
    if (const int made = merged(left, right); made >= 0) queue.push({made, left, right, at});
  };
  for (std::size_t i = 0; i < piece.size(); ++i) consider(i);
  while (!queue.empty()) {
    const Chance best = queue.top();
    queue.pop();
    Link& link = chain[best.at];
    if (link.id != best.left || link.after == none || chain[link.after].id != best.right) continue;
    Link& gone = chain[link.after];
    link.id = best.made;
    link.after = gone.after;
    gone.id = -1;   // no chance that names it is good any more
    if (link.after != none) chain[link.after].before = best.at;
    consider(link.before);
    consider(best.at);
  }
  std::vector<std::int32_t> ids;
  for (std::size_t at = 0; at != none; at = chain[at].after) ids.push_back(chain[at].id);
  return ids;
}

std::vector<std::int32_t> BpeTokenizer::encode(std::string_view text) const {
  const std::lock_guard<std::mutex> lock(guards_known_);
  std::vector<std::int32_t> ids;
  ids.reserve(text.size() / 3);
  const auto append = [&](const std::vector<std::int32_t>& more) {
    ids.insert(ids.end(), more.begin(), more.end());
  };
  std::string piece;
  for (std::size_t at = 0; at < text.size(); at += piece.size()) {
    piece = text.substr(at, end_of_piece(text, at) - at);
    const auto known = known_.find(piece);
    if (known != known_.end()) {
      append(known->second);
      continue;
    }
    const std::vector<std::int32_t> fresh = encode_piece(piece);
    append(fresh);
    if (piece.size() <= kLongestKnown && known_.size() < kMostKnown) known_.emplace(piece, fresh);
  }
  return ids;
}

std::string BpeTokenizer::to_json() const {
  Json json;
  json.object().field("type", "bpe").field("pattern", "gpt2").key("merges").array();
  for (const BpeMerge& merge : merges_) json.array().value(merge.left).value(merge.right).end();
  json.end().end();
  return json.text();
}

}   // namespace glass
