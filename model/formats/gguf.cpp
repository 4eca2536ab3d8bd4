// Reading: one pass over the header through a cursor that cannot leave the file, then a look at all
// places together. After the constructor every value and tensor lies inside of the file, and no two
// tensors overlap, so reading them cannot ask for more than is there.
#include "model/formats/gguf.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "model/formats/elements.h"

namespace glass {
namespace {

constexpr std::uint64_t kMostKeys = 65'536, kMostTensors = 65'536;
constexpr std::uint64_t kMostKey = 512, kMostTensorName = 63, kMostText = 1 << 20;
constexpr std::size_t kMostRank = 4;
constexpr std::uint64_t kMostDimension = std::uint64_t{1} << 40, kMostElements = kMostDimension;
constexpr std::uint64_t kMostAlignment = 65'536, kUsualAlignment = 32;

struct TypeRow {
  const char* name;
  std::uint64_t bytes;   // 0: not a plain number
};
// In the order of GgufType.
constexpr TypeRow kTypes[] = {{"u8", 1},  {"i8", 1},  {"u16", 2},  {"i16", 2},  {"u32", 4},
                              {"i32", 4}, {"f32", 4}, {"bool", 1}, {"text", 0}, {"list", 0},
                              {"u64", 8}, {"i64", 8}, {"f64", 8}};
constexpr std::uint64_t kLeastText = 8;   // bytes that a text takes at least: its length

bool is_integer(GgufType type) {
  return type != GgufType::f32 && type != GgufType::f64 && type != GgufType::boolean &&
         type != GgufType::text && type != GgufType::array;
}

std::uint64_t padded(std::uint64_t n, std::uint64_t to) { return (n + to - 1) / to * to; }

template <class T>
T read_at(const ByteSource& source, std::uint64_t at) {
  T value{};
  source.read(at, std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

// The bytes of a file one after the other, in pieces of 64 KiB; none behind its end.
class Cursor {
 public:
  explicit Cursor(const ByteSource& source, std::uint64_t at = 0) : source_(source), at_(at) {}
  std::uint64_t at() const { return at_; }
  std::uint64_t left() const { return source_.size() - at_; }
  bool skip(std::uint64_t count) {
    if (count > left()) return false;
    at_ += count;
    return true;
  }
  bool take(std::span<std::byte> out) {
    if (out.size() > left()) return false;
    while (!out.empty()) {
      if (at_ < first_ || at_ >= first_ + size_) fill();
      const std::size_t skip = static_cast<std::size_t>(at_ - first_);
      const std::size_t here = std::min(out.size(), size_ - skip);
      std::memcpy(out.data(), piece_.data() + skip, here);
      out = out.subspan(here);
      at_ += here;
    }
    return true;
  }
  template <class T>
  bool take(T& out) {
    return take(std::as_writable_bytes(std::span(&out, 1)));
  }

 private:
  void fill() {
    first_ = at_;
    size_ = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, source_.size() - at_));
    piece_.resize(kPiece);
    source_.read(first_, std::span(piece_).first(size_));
  }
  static constexpr std::size_t kPiece = 64 << 10;
  const ByteSource& source_;
  std::uint64_t at_, first_ = 0;
  std::size_t size_ = 0;
  std::vector<std::byte> piece_;
};

// What is wrong with a text in a list, when it is read again: nothing, unless the file changed.
std::string take_text(Cursor& cursor) {
  std::uint64_t size = 0;
  std::string text;
  if (cursor.take(size) && size <= cursor.left() && size <= kMostText) {
    text.resize(static_cast<std::size_t>(size));
    cursor.take(std::as_writable_bytes(std::span(text.data(), text.size())));
  }
  return text;
}

}   // namespace

const char* name_of(GgufType type) { return kTypes[static_cast<std::size_t>(type)].name; }

// --- The header ----------------------------------------------------------------------------------

class GgufFile::Header {
 public:
  explicit Header(GgufFile& file) : file_(file), cursor_(file.source_) {}

  void read() {
    if (file_.source_.size() == 0) refuse("it is empty");
    char magic[4] = {};
    if (!cursor_.take(magic) || std::memcmp(magic, "GGUF", 4) != 0)
      refuse("it does not begin with 'GGUF'");
    file_.version_ = take<std::uint32_t>("its version");
    check_version();
    const auto tensors = take<std::uint64_t>("the number of tensors");
    const auto keys = take<std::uint64_t>("the number of keys");
    // A tensor: a name, a rank, a type and an offset; a key: a name, a type and a value.
    check_count("tensors", tensors, 8 + 1 + 4 + 4 + 8, kMostTensors);
    check_count("keys", keys, 8 + 1 + 4 + 1, kMostKeys);
    for (std::uint64_t i = 0; i < keys; ++i) take_key();
    for (std::uint64_t i = 0; i < tensors; ++i) take_tensor();
    check_places();
  }

 private:
  [[noreturn]] void refuse(const std::string& reason) const { file_.refuse(reason); }
  std::string here() const { return " at byte " + std::to_string(cursor_.at()); }

  template <class T>
  T take(const std::string& what) {
    T value{};
    if (!cursor_.take(value)) refuse("it ends" + here() + ", where " + what + " should stand");
    return value;
  }

  std::string take_name(const std::string& what, std::uint64_t most) {
    const std::string place = here();
    const auto size = take<std::uint64_t>("the length of " + what);
    if (size == 0 || size > most)
      refuse(what + place + " has a length of " + std::to_string(size) + "; allowed are 1 to " +
             std::to_string(most));
    std::string name(static_cast<std::size_t>(size), '\0');
    if (!cursor_.take(std::as_writable_bytes(std::span(name.data(), name.size()))))
      refuse("it ends inside of " + what + place);
    if (has_control_bytes(name) || name.find("../") != std::string::npos)
      refuse(what + place + " is " + in_quotes(name) + "; control bytes and ../ are not allowed");
    return name;
  }

  void check_version() const {
    const std::uint32_t version = file_.version_;
    if (version == 2 || version == 3) return;
    const bool swapped = (version & 0xff) == 0 && version != 0;
    refuse("its version is " + std::to_string(version) +
           (swapped ? ": its numbers are big-endian, and little-endian ones are read"
                    : "; 2 and 3 are read"));
  }

  void check_count(const char* what, std::uint64_t count, std::uint64_t least,
                   std::uint64_t most) const {
    const std::uint64_t fit = std::min(most, cursor_.left() / least);
    if (count > fit)
      refuse("it promises " + std::to_string(count) + " " + what + "; " + std::to_string(fit) +
             (fit == most ? " are allowed" : " fit into what follows byte ") +
             (fit == most ? "" : std::to_string(cursor_.at())));
  }

  GgufType take_type(const std::string& what) {
    const std::string place = here();
    const auto id = take<std::uint32_t>("the type of " + what);
    if (id >= std::size(kTypes))
      refuse(what + " has the type " + std::to_string(id) + place + "; 0 to 12 are known");
    return static_cast<GgufType>(id);
  }

  void take_key() {
    const std::string key = take_name("a key", kMostKey);
    const std::string what = "the value of " + in_quotes(key);
    GgufValue value;
    value.type = take_type(what);
    if (value.type == GgufType::array) {
      value.item = take_type("the items of " + in_quotes(key));
      if (value.item == GgufType::array) refuse(what + " is a list of lists");
      value.count = take<std::uint64_t>("the length of " + in_quotes(key));
    }
    const GgufType item = value.type == GgufType::array ? value.item : value.type;
    const std::uint64_t bytes = kTypes[static_cast<std::size_t>(item)].bytes;
    const std::uint64_t fit = cursor_.left() / (bytes > 0 ? bytes : kLeastText);
    if (value.count > fit)
      refuse(what + here() + " has " + std::to_string(value.count) + " items of type " +
             name_of(item) + "; " + std::to_string(fit) + " fit into what follows");
    value.begin = cursor_.at();
    if (bytes > 0) cursor_.skip(value.count * bytes);
    else if (value.type == GgufType::text) value.begin += sizeof(std::uint64_t), skip_text(what);
    else
      for (std::uint64_t i = 0; i < value.count; ++i) skip_text(what);
    value.end = cursor_.at();
    if (!file_.values_.emplace(key, value).second)
      refuse("the key " + in_quotes(key) + " comes for the second time");
    if (key == "general.alignment") take_alignment(value);
  }

  void skip_text(const std::string& what) {
    const std::string place = here();
    const auto size = take<std::uint64_t>("the length of " + what);
    if (size > kMostText || !cursor_.skip(size))
      refuse(what + place + " is a text of " + std::to_string(size) + " bytes; " +
             std::to_string(std::min(kMostText, cursor_.left())) + " are possible");
  }

  void take_alignment(const GgufValue& value) {
    if (value.type == GgufType::u32)
      alignment_ = read_at<std::uint32_t>(file_.source_, value.begin);
    const bool power = alignment_ > 0 && (alignment_ & (alignment_ - 1)) == 0;
    if (value.type != GgufType::u32 || !power || alignment_ > kMostAlignment)
      refuse("general.alignment is " +
             (value.type == GgufType::u32 ? std::to_string(alignment_) : name_of(value.type)) +
             "; it must be a power of two (u32), at most " + std::to_string(kMostAlignment));
  }

  void take_tensor() {
    GgufTensor tensor;
    tensor.name = take_name("the name of a tensor", kMostTensorName);
    const std::string what = "tensor " + in_quotes(tensor.name);
    if (!file_.places_.emplace(tensor.name, file_.tensors_.size()).second)
      refuse(what + " comes for the second time");
    const auto rank = take<std::uint32_t>("the rank of " + what);
    if (rank > kMostRank)
      refuse(what + " has " + std::to_string(rank) + " dimensions; 4 are allowed");
    std::uint64_t elements = 1;
    bool none = false;
    for (std::uint32_t i = 0; i < rank; ++i) {
      const auto n = take<std::uint64_t>("a dimension of " + what);
      none = none || n == 0;
      const bool fits = n <= kMostDimension &&
                        (n == 0 || !__builtin_mul_overflow(elements, n, &elements)) &&
                        elements <= kMostElements;
      if (!fits) refuse(what + " has more than 2^40 elements");
      tensor.shape.insert(tensor.shape.begin(), static_cast<std::int64_t>(n));
    }
    const auto id = take<std::uint32_t>("the type of " + what);
    tensor.type = ggml_type(id);
    if (tensor.type == nullptr)
      refuse(what + " has the type " + std::to_string(id) + ", which is not known here");
    const auto row = static_cast<std::uint64_t>(tensor.shape.empty() ? 1 : tensor.shape.back());
    if (row % tensor.type->numbers != 0)
      refuse(what + " has rows of " + std::to_string(row) + " numbers; " + tensor.type->name +
             " comes in blocks of " + std::to_string(tensor.type->numbers));
    const std::uint64_t count = none ? 0 : elements;
    tensor.begin = take<std::uint64_t>("the offset of " + what);      // from where the data begin
    tensor.end = count / tensor.type->numbers * tensor.type->bytes;   // its size, for now
    file_.tensors_.push_back(std::move(tensor));
  }

  // In the order of the header, each where the padded end of the one before is: llama.cpp demands
  // the same.
  void check_places() {
    const std::uint64_t size = file_.source_.size(), data = padded(cursor_.at(), alignment_);
    if (!file_.tensors_.empty() && data > size)
      refuse("its header ends" + here() + ", and no data follow");
    std::uint64_t at = 0;
    for (GgufTensor& tensor : file_.tensors_) {
      const std::string what = "tensor " + in_quotes(tensor.name);
      if (tensor.begin != at)
        refuse(what + " begins at offset " + std::to_string(tensor.begin) +
               " of the data; what is before it ends, padded, at " + std::to_string(at));
      if (tensor.end > size - data || at > size - data - tensor.end)
        refuse(what + " has " + std::to_string(tensor.end) + " bytes at offset " +
               std::to_string(at) + " of the data, which are only " + std::to_string(size - data));
      tensor.begin = data + at;
      tensor.end += tensor.begin;
      at = padded(tensor.end - data, alignment_);
    }
    const std::uint64_t end = file_.tensors_.empty() ? cursor_.at() : file_.tensors_.back().end;
    if (size > std::max(data, padded(end, alignment_)))
      refuse("its tensors end at byte " + std::to_string(end) + ", and the file at " +
             std::to_string(size));
  }

  GgufFile& file_;
  Cursor cursor_;
  std::uint64_t alignment_ = kUsualAlignment;
};

GgufFile::GgufFile(const ByteSource& source) : source_(source) {
  refuse_more_than_memory(source);
  Header(*this).read();
}

void GgufFile::refuse(const std::string& reason) const {
  fail(ContentError(source_.name() + " is not a sound GGUF file: " + reason + "."));
}

// --- Values --------------------------------------------------------------------------------------

const GgufTensor* GgufFile::find(const std::string& name) const {
  const auto found = places_.find(name);
  return found == places_.end() ? nullptr : &tensors_[found->second];
}

const GgufValue* GgufFile::value(const std::string& key) const {
  const auto found = values_.find(key);
  return found == values_.end() ? nullptr : &found->second;
}

std::optional<std::string> GgufFile::text(const std::string& key) const {
  const GgufValue* found = value(key);
  if (found == nullptr) return {};
  if (found->type != GgufType::text) refuse(in_quotes(key) + " is not a text");
  std::string bytes(static_cast<std::size_t>(found->end - found->begin), '\0');
  source_.read(found->begin, std::as_writable_bytes(std::span(bytes.data(), bytes.size())));
  return bytes;
}

std::int64_t GgufFile::whole(const std::string& key, GgufType type, std::uint64_t at) const {
  switch (type) {
    case GgufType::u8:
      return read_at<std::uint8_t>(source_, at);
    case GgufType::i8:
      return read_at<std::int8_t>(source_, at);
    case GgufType::u16:
      return read_at<std::uint16_t>(source_, at);
    case GgufType::i16:
      return read_at<std::int16_t>(source_, at);
    case GgufType::u32:
      return read_at<std::uint32_t>(source_, at);
    case GgufType::i32:
      return read_at<std::int32_t>(source_, at);
    default: {
      const auto n = read_at<std::int64_t>(source_, at);
      if (type == GgufType::u64 && n < 0) refuse(in_quotes(key) + " is more than 2^63 - 1");
      return n;
    }
  }
}

std::optional<std::int64_t> GgufFile::integer(const std::string& key) const {
  const GgufValue* found = value(key);
  if (found == nullptr) return {};
  if (!is_integer(found->type)) refuse(in_quotes(key) + " is not an integer");
  return whole(key, found->type, found->begin);
}

std::optional<double> GgufFile::number(const std::string& key) const {
  const GgufValue* found = value(key);
  if (found == nullptr) return {};
  if (found->type == GgufType::f32)
    return static_cast<double>(read_at<float>(source_, found->begin));
  if (found->type == GgufType::f64) return read_at<double>(source_, found->begin);
  return static_cast<double>(*integer(key));
}

const GgufValue* GgufFile::array(const std::string& key, std::size_t most) const {
  const GgufValue* found = value(key);
  if (found == nullptr) return nullptr;
  if (found->type != GgufType::array) refuse(in_quotes(key) + " is not a list");
  if (found->count > most)
    refuse(in_quotes(key) + " has " + std::to_string(found->count) + " items; " +
           std::to_string(most) + " are allowed");
  return found;
}

std::optional<std::vector<std::string>> GgufFile::texts(const std::string& key,
                                                        std::size_t most) const {
  const GgufValue* found = array(key, most);
  if (found == nullptr) return {};
  if (found->item != GgufType::text) refuse(in_quotes(key) + " is not a list of texts");
  std::vector<std::string> all(static_cast<std::size_t>(found->count));
  Cursor cursor(source_, found->begin);
  for (std::string& text : all) text = take_text(cursor);
  return all;
}

std::optional<std::vector<std::int64_t>> GgufFile::integers(const std::string& key,
                                                            std::size_t most) const {
  const GgufValue* found = array(key, most);
  if (found == nullptr) return {};
  if (!is_integer(found->item)) refuse(in_quotes(key) + " is not a list of integers");
  const std::uint64_t width = kTypes[static_cast<std::size_t>(found->item)].bytes;
  std::vector<std::int64_t> all(static_cast<std::size_t>(found->count));
  for (std::size_t i = 0; i < all.size(); ++i)
    all[i] = whole(key, found->item, found->begin + i * width);
  return all;
}

std::string GgufFile::need_text(const std::string& key) const {
  const auto found = text(key);
  if (!found) refuse("the key " + in_quotes(key) + " is missing");
  return *found;
}

std::int64_t GgufFile::need_integer(const std::string& key) const {
  const auto found = integer(key);
  if (!found) refuse("the key " + in_quotes(key) + " is missing");
  return *found;
}

double GgufFile::need_number(const std::string& key) const {
  const auto found = number(key);
  if (!found) refuse("the key " + in_quotes(key) + " is missing");
  return *found;
}

// --- Tensors -------------------------------------------------------------------------------------

std::string GgufFile::bytes_of(const GgufTensor& tensor) const {
  std::string bytes(static_cast<std::size_t>(tensor.end - tensor.begin), '\0');
  source_.read(tensor.begin, std::as_writable_bytes(std::span(bytes.data(), bytes.size())));
  return bytes;
}

StoredTensor GgufFile::read(const GgufTensor& tensor) const {
  const OwnedBytes bytes = allocate_bytes(static_cast<std::size_t>(tensor.end - tensor.begin));
  StoredTensor stored = {tensor.name, StoredType::f32, tensor.shape, bytes.span(), bytes.data};
  switch (tensor.type->id) {
    case kGgmlF32:
      break;
    case kGgmlF16:
      stored.type = StoredType::f16;
      break;
    case kGgmlBf16:
      stored.type = StoredType::bf16;
      break;
    case kGgmlQ8:
      break;
    default:
      refuse("tensor " + in_quotes(tensor.name) + " is stored as " + tensor.type->name +
             "; F32, F16, BF16 and Q8_0 are read here (other programs can convert it to one of "
             "them)");
  }
  source_.read(tensor.begin, bytes.span());
  if (tensor.type->id != kGgmlQ8) return as_type(stored, StoredType::f32);
  const std::size_t count = bytes.size / kQ8Bytes * kQ8Numbers;
  const OwnedBytes numbers = allocate_bytes(count * sizeof(float));
  from_q8_0(bytes.span(), {reinterpret_cast<float*>(numbers.data.get()), count});
  stored.bytes = numbers.span();
  stored.owner = numbers.data;
  return stored;
}

}   // namespace glass
