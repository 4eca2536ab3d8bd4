#include "model/tokens.h"

#include <fcntl.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>

#include "engine/base/error.h"
#include "engine/base/file_ops.h"
#include "engine/base/text.h"

namespace glass {
namespace {

// The ids lie in the file as they lie in memory.
static_assert(std::endian::native == std::endian::little);

struct Mapping {
  void* memory = nullptr;
  std::size_t size = 0;
  Mapping() = default;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (memory != nullptr) ::munmap(memory, size);
  }
  const std::byte* bytes() const { return static_cast<const std::byte*>(memory); }
};

[[noreturn]] void cannot_read(const std::string& path, int error) {
  fail(SystemError("cannot read the tokens in " + in_quotes(path) + ": " + reason_of(error) + "."));
}

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  fail(ContentError("the tokens in " + in_quotes(path) + " cannot be used: " + reason));
}

std::shared_ptr<const Mapping> map_file(const std::string& path) {
  FileOps& files = system_files();
  const Descriptor file(
      files, files.open(FileOps::kHere, path, O_RDONLY | O_NONBLOCK));   // nor wait for a pipe
  if (!file) cannot_read(path, errno);
  FileStatus status;
  if (files.status(file.get(), status) != 0) cannot_read(path, errno);
  if (status.kind != FileStatus::Kind::regular) refuse(path, "it is not a plain file.");
  if (status.size == 0) refuse(path, "the file is empty.");
  auto mapping = std::make_shared<Mapping>();
  const auto size = static_cast<std::size_t>(status.size);
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (memory == MAP_FAILED) cannot_read(path, errno);
  mapping->memory = memory;
  mapping->size = size;
  return mapping;
}

// What llm.c writes in front of its tokens: 256 numbers of 32 bits, of which three say something.
constexpr std::size_t kHeaderBytes = 256 * sizeof(std::int32_t);
struct HeaderKind {
  std::int32_t magic, version;
  int width;
  Tokens::Family family;
};
constexpr HeaderKind kHeaders[] = {{20240520, 1, 2, Tokens::Family::gpt2},
                                   {20240801, 7, 4, Tokens::Family::llama3}};

// The kind of header that the file has; null: none, all of it is tokens.
const HeaderKind* header_of(const Mapping& file, const std::string& path) {
  std::int32_t head[3] = {};   // magic, version, number of tokens
  if (file.size < sizeof head) return nullptr;
  std::memcpy(head, file.memory, sizeof head);
  const auto kind = std::find_if(std::begin(kHeaders), std::end(kHeaders),
                                 [&](const HeaderKind& k) { return k.magic == head[0]; });
  if (kind == std::end(kHeaders)) return nullptr;
  if (file.size < kHeaderBytes) {
    refuse(path, "it begins with a header of llm.c, and has " + std::to_string(file.size) +
                     " bytes where the header alone has 1024; is it cut short?");
  }
  if (head[1] != kind->version) {
    refuse(path, "its header has version " + std::to_string(head[1]) + ", and this program reads " +
                     std::to_string(kind->version) + ".");
  }
  const std::int64_t bytes = static_cast<std::int64_t>(file.size - kHeaderBytes);
  if (head[2] < 0 || bytes != std::int64_t{head[2]} * kind->width) {
    refuse(path, "its header promises " + with_commas(head[2]) + " tokens of " +
                     std::to_string(kind->width) + " bytes, and " + with_commas(bytes) +
                     " bytes follow; is it cut short?");
  }
  return kind;
}

template <class Id>
void widen(const std::byte* from, std::span<std::int32_t> out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    Id id;
    std::memcpy(&id, from + i * sizeof id, sizeof id);
    out[i] = static_cast<std::int32_t>(id);   // ids of 2^31 and more turn negative, and are refused
  }
}

}   // namespace

Tokens::Tokens(std::span<const std::int32_t> ids) {
  if (ids.empty()) return;
  auto kept = std::make_shared<const std::vector<std::int32_t>>(ids.begin(), ids.end());
  const auto* bytes = reinterpret_cast<const std::byte*>(kept->data());
  size_ = static_cast<std::int64_t>(ids.size());
  shards_.push_back({std::move(kept), bytes, sizeof(std::int32_t), 0, size_, ""});
}

void Tokens::append_file(const std::string& path, int raw_width) {
  const std::shared_ptr<const Mapping> file = map_file(path);
  const HeaderKind* header = header_of(*file, path);
  const std::size_t begin = header != nullptr ? kHeaderBytes : 0;
  const int width = header != nullptr ? header->width : raw_width;
  const std::size_t bytes = file->size - begin;
  if (bytes % static_cast<std::size_t>(width) != 0) {
    refuse(path, with_commas(static_cast<std::int64_t>(bytes)) +
                     " bytes are no whole number of tokens of " + std::to_string(width) +
                     " bytes; is it cut short?");
  }
  if (header != nullptr) family_ = header->family;
  const auto size = static_cast<std::int64_t>(bytes) / width;
  shards_.push_back({file, file->bytes() + begin, width, size_, size, path});
  size_ += size;
}

std::size_t Tokens::shard_of(std::int64_t at) const {
  const auto behind =
      std::upper_bound(shards_.begin(), shards_.end(), at,
                       [](std::int64_t place, const Shard& s) { return place < s.first; });
  return static_cast<std::size_t>(behind - shards_.begin()) - 1;
}

void Tokens::copy(std::int64_t start, std::span<std::int32_t> out) const {
  if (out.empty()) return;
  const auto count = static_cast<std::int64_t>(out.size());
  if (start < 0 || start > size_ - count) {
    fail(Error(ExitCode::internal, "tokens " + std::to_string(start) + " to " +
                                       std::to_string(start + count) + " of a row of " +
                                       std::to_string(size_)));
  }
  for (std::size_t k = shard_of(start); !out.empty(); ++k) {
    const Shard& shard = shards_[k];
    const std::int64_t skip = start - shard.first;
    const auto here = static_cast<std::size_t>(
        std::min(shard.size - skip, static_cast<std::int64_t>(out.size())));
    const std::byte* from = shard.ids + skip * shard.width;
    if (shard.width == 2) widen<std::uint16_t>(from, out.first(here));
    else widen<std::uint32_t>(from, out.first(here));
    out = out.subspan(here);
    start += static_cast<std::int64_t>(here);
  }
}

std::string Tokens::place(std::int64_t at) const {
  if (at < 0 || at >= size_) return "token " + with_commas(at);
  const Shard& shard = shards_[shard_of(at)];
  return "token " + with_commas(at - shard.first) +
         (shard.path.empty() ? "" : " of " + in_quotes(shard.path));
}

std::vector<std::int64_t> count_tokens(const Tokens& tokens, int vocab_size) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(vocab_size));
  for_each_piece(tokens, tokens.size(), [&](std::int64_t at, std::span<const std::int32_t> ids) {
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] < 0 || ids[i] >= vocab_size) {
        const auto id = static_cast<std::uint32_t>(ids[i]);
        fail(ContentError(tokens.place(at + static_cast<std::int64_t>(i)) + " is " +
                          with_commas(id) + ", and the vocabulary has only " +
                          with_commas(vocab_size) + " tokens: the files do not belong together."));
      }
      ++counts[static_cast<std::size_t>(ids[i])];
    }
  });
  return counts;
}

void for_each_piece(
    const Tokens& tokens, std::int64_t count,
    const std::function<void(std::int64_t at, std::span<const std::int32_t> ids)>& visit) {
  std::vector<std::int32_t> piece(1 << 16);
  for (std::int64_t at = 0; at < count;) {
    const auto here = std::min(count - at, static_cast<std::int64_t>(piece.size()));
    const std::span<std::int32_t> ids(piece.data(), static_cast<std::size_t>(here));
    tokens.copy(at, ids);
    visit(at, ids);
    at += here;
  }
}

}   // namespace glass
