// A long row of token ids: one split of a corpus, as training reads it. The ids live in files of 16
// or 32 bits an id that the system maps into memory, so that a corpus larger than the memory is as
// easy as a small one; several files (shards) read as one row.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace glass {

class Tokens {
 public:
  Tokens() = default;
  explicit Tokens(std::span<const std::int32_t> ids);   // keeps a copy in memory

  std::int64_t size() const { return size_; }
  // out = the ids [start, start + out.size()), which must exist.
  void copy(std::int64_t start, std::span<std::int32_t> out) const;

  // Puts a file behind what is there. It begins with one of llm.c's headers, which says how wide an
  // id is, or it has none and every id takes `raw_width` bytes (2 or 4, little end first).
  // ContentError: cut short, of a version from the future, an odd number of bytes.
  void append_file(const std::string& path, int raw_width);

  // The models that llm.c's headers stand for, where a file has one.
  enum class Family : std::uint8_t { unknown, gpt2, llama3 };
  Family family() const { return family_; }

  // What a message calls the place of an id: "token 5 of data/train.bin".
  std::string place(std::int64_t at) const;

 private:
  struct Shard {
    std::shared_ptr<const void> owner;   // keeps the memory alive
    const std::byte* ids;
    int width;                  // bytes an id
    std::int64_t first, size;   // which ids of the row these are
    std::string path;
  };
  std::size_t shard_of(std::int64_t at) const;

  std::vector<Shard> shards_;   // copies of a row share the memory
  std::int64_t size_ = 0;
  Family family_ = Family::unknown;
};

// Shows the first `count` ids, a piece after the other, with the place of the piece.
void for_each_piece(
    const Tokens& tokens, std::int64_t count,
    const std::function<void(std::int64_t at, std::span<const std::int32_t> ids)>& visit);

// How often each id occurs. ContentError, with the place, for an id that is not below `vocab_size`.
std::vector<std::int64_t> count_tokens(const Tokens& tokens, int vocab_size);

}   // namespace glass
