// Learning the merges. A corpus has few different pieces, so each is counted once, and from then on
// only the different pieces matter. They lie one after the other in a long chain of tokens. For
// every pair of tokens we know how often it occurs and where; a merge visits the places of its pair
// and corrects the counts of the neighbours, and nothing else is touched.
#include <queue>
#include <unordered_map>

#include "engine/base/error.h"
#include "model/tokenizer/bpe.h"
#include "model/tokenizer/split.h"

namespace glass {
namespace {

using PieceCounts = std::unordered_map<std::string_view, std::int64_t>;

PieceCounts count_pieces(std::span<const std::string_view> documents) {
  PieceCounts counts;
  for (const std::string_view text : documents) {
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = end_of_piece(Pattern::gpt2, text, at);
      ++counts[text.substr(at, end - at)];
      at = end;
    }
  }
  return counts;
}

struct Pair {
  std::int32_t left, right;
  bool operator==(const Pair& o) const { return left == o.left && right == o.right; }
};
struct HashOfPair {
  std::size_t operator()(const Pair& p) const {
    const auto key = std::uint64_t(static_cast<std::uint32_t>(p.left)) << 32 |
                     static_cast<std::uint32_t>(p.right);
    return static_cast<std::size_t>(key * 0x9e3779b97f4a7c15u >> 16);
  }
};

// A pair that waits to be glued: the count it had when it was put into the queue.
struct Candidate {
  std::int64_t count;
  Pair pair;
  bool operator<(const Candidate& o) const {   // the last of this order is glued first
    if (count != o.count) return count < o.count;
    if (pair.left != o.pair.left) return pair.left > o.pair.left;
    return pair.right > o.pair.right;
  }
};

class Trainer {
 public:
  explicit Trainer(const PieceCounts& pieces) {
    for (const auto& [piece, count] : pieces) {
      for (std::size_t i = 0; i < piece.size(); ++i) {
        const auto here = static_cast<std::int32_t>(chain_.size());
        const auto byte = static_cast<unsigned char>(piece[i]);
        chain_.push_back({bpe_byte_ids()[byte], i == 0 ? -1 : here - 1,
                          i + 1 == piece.size() ? -1 : here + 1, count});
      }
    }
    for (std::int32_t at = 0; at < static_cast<std::int32_t>(chain_.size()); ++at) add(at);
    queue_new_pairs();
  }

  // Glues the most frequent pair; false where none occurs twice.
  bool merge(std::int32_t id, BpeMerge& out) {
    while (!queue_.empty()) {
      const Candidate best = queue_.top();
      queue_.pop();
      Places& places = pairs_[best.pair];
      if (places.count == best.count) {
        out = {best.pair.left, best.pair.right};
        glue(best.pair, id);
        return true;
      }
      // Its count fell since then; it waits again, with the count it has.
      if (places.count >= kLeast) queue_.push({places.count, best.pair});
    }
    return false;
  }

 private:
  static constexpr std::int64_t kLeast = 2;
  struct Link {
    std::int32_t id, before, after;   // -1: the piece begins or ends here
    std::int64_t count;               // of the piece
  };
  struct Places {
    std::int64_t count = 0;
    std::vector<std::int32_t> at;   // of the left token, ascending; some may be out of date
  };

  Pair pair_at(std::int32_t at) const {
    const Link& left = chain_[static_cast<std::size_t>(at)];
    return {left.id, chain_[static_cast<std::size_t>(left.after)].id};
  }

  void add(std::int32_t at) {
    if (at < 0 || chain_[static_cast<std::size_t>(at)].after < 0) return;
    Places& places = pairs_[pair_at(at)];
    if (places.count == 0) new_pairs_.push_back(pair_at(at));
    places.count += chain_[static_cast<std::size_t>(at)].count;
    places.at.push_back(at);
  }

  void remove(std::int32_t at) {
    if (at < 0 || chain_[static_cast<std::size_t>(at)].after < 0) return;
    pairs_[pair_at(at)].count -= chain_[static_cast<std::size_t>(at)].count;
  }

  void glue(Pair pair, std::int32_t id) {
    const std::vector<std::int32_t> places = std::move(pairs_[pair].at);
    for (const std::int32_t at : places) {
      Link& left = chain_[static_cast<std::size_t>(at)];
      if (left.id != pair.left || left.after < 0 || !(pair_at(at) == pair)) continue;
      Link& right = chain_[static_cast<std::size_t>(left.after)];
      remove(left.before), remove(at), remove(left.after);
      left.id = id;
      left.after = right.after;
      right.id = -1;
      if (left.after >= 0) chain_[static_cast<std::size_t>(left.after)].before = at;
      add(left.before), add(at);
    }
    pairs_.erase(pair);   // nothing of it is left
    queue_new_pairs();
  }

  void queue_new_pairs() {
    for (const Pair& pair : new_pairs_) {
      const std::int64_t count = pairs_[pair].count;
      if (count >= kLeast) queue_.push({count, pair});
    }
    new_pairs_.clear();
  }

  std::vector<Link> chain_;
  std::unordered_map<Pair, Places, HashOfPair> pairs_;
  std::vector<Pair> new_pairs_;   // met since the queue was last brought up to date
  std::priority_queue<Candidate> queue_;
};

}   // namespace

std::vector<BpeMerge> train_bpe(std::span<const std::string_view> documents, int vocab_size) {
  Trainer trainer(count_pieces(documents));
  std::vector<BpeMerge> merges;
  BpeMerge merge{};
  for (std::int32_t id = kBpeFirstMerge; id < vocab_size && trainer.merge(id, merge); ++id)
    merges.push_back(merge);
  return merges;
}

}   // namespace glass
