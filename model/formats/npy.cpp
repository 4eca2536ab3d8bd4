// The header is a dictionary of three entries; the little reader below takes these three, in any
// order, and nothing else that Python could say.
#include "model/formats/npy.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "engine/base/atomic_file.h"
#include "engine/base/error.h"
#include "engine/base/text.h"

namespace glass {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::uint64_t kMostHeader = 64 << 10;
constexpr std::size_t kAlignment = 64, kMostRank = 8;
constexpr std::int64_t kMostElements = std::int64_t{1} << 40;

struct TypeRow {
  StoredType type;
  const char* descr;   // < is little-endian, | means that it does not matter
};
constexpr TypeRow kTypes[] = {
    {StoredType::boolean, "|b1"}, {StoredType::u8, "|u1"},  {StoredType::i8, "|i1"},
    {StoredType::i16, "<i2"},     {StoredType::u16, "<u2"}, {StoredType::f16, "<f2"},
    {StoredType::i32, "<i4"},     {StoredType::u32, "<u4"}, {StoredType::f32, "<f4"},
    {StoredType::f64, "<f8"},     {StoredType::i64, "<i8"}, {StoredType::u64, "<u8"}};

class HeaderReader {
 public:
  HeaderReader(const ByteSource& source, std::string text)
      : source_(source), text_(std::move(text)) {}

  NpyHeader read() {
    NpyHeader header;
    bool has_type = false, has_order = false, has_shape = false;
    expect('{');
    while (!take('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !std::exchange(has_type, true)) header.type = type();
      else if (key == "fortran_order" && !std::exchange(has_order, true)) by_columns_ = word();
      else if (key == "shape" && !std::exchange(has_shape, true)) header.shape = shape();
      else refuse("its header has the key " + in_quotes(key) + " too often, or not for us");
      if (!take(',')) {
        expect('}');
        break;
      }
    }
    skip_blanks();
    if (at_ != text_.size()) refuse("its header goes on after the closing brace");
    if (!has_type || !has_order || !has_shape)
      refuse("its header lacks one of descr, fortran_order and shape");
    if (by_columns_ && header.shape.size() > 1)
      refuse("it is stored by columns; save it with np.ascontiguousarray");
    return header;
  }

 private:
  [[noreturn]] void refuse(const std::string& reason) const {
    fail(ContentError(source_.name() + " is not a .npy file to be read here: " + reason + "."));
  }

  void skip_blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool take(char c) {
    skip_blanks();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c))
      refuse("its header lacks " + in_quotes(std::string(1, c)) + " at byte " +
             std::to_string(at_));
  }

  std::string quoted() {
    skip_blanks();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '\'' && quote != '"')
      refuse("its header lacks a text at byte " + std::to_string(at_));
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string::npos) refuse("its header holds a text without an end");
    const std::size_t start = std::exchange(at_, end + 1) + 1;
    return text_.substr(start, end - start);
  }

  StoredType type() {
    const std::size_t start = at_;
    skip_blanks();
    if (at_ < text_.size() && text_[at_] == '[') refuse("it holds records, not numbers");
    const std::string descr = quoted();
    for (const TypeRow& row : kTypes)
      if (descr == row.descr) return row.type;
    if (!descr.empty() && descr[0] == '>')
      refuse("its numbers are big-endian (" + in_quotes(descr) + "); save it with astype('<i4')");
    refuse("its type is " + in_quotes(descr) + " at byte " + std::to_string(start));
  }

  bool word() {
    skip_blanks();
    for (const std::string_view name : {"True", "False"}) {
      if (std::string_view(text_).substr(at_, name.size()) != name) continue;
      at_ += name.size();
      return name == "True";
    }
    refuse("fortran_order is neither True nor False");
  }

  std::vector<std::int64_t> shape() {
    std::vector<std::int64_t> shape;
    expect('(');
    while (!take(')')) {
      skip_blanks();
      const std::size_t start = at_;
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') ++at_;
      std::int64_t n = 0;
      const std::string digits = text_.substr(start, at_ - start);
      if (parse_integer(digits, n) != NumberFault::none || shape.size() == kMostRank)
        refuse("its shape is not a tuple of up to " + std::to_string(kMostRank) + " numbers");
      shape.push_back(n);
      if (!take(',')) {
        expect(')');
        break;
      }
    }
    return shape;
  }

  const ByteSource& source_;
  std::string text_;
  std::size_t at_ = 0;
  bool by_columns_ = false;
};

template <class Number>
void widen(const std::vector<std::byte>& bytes, std::vector<std::int64_t>& out) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    Number number;
    std::memcpy(&number, bytes.data() + i * sizeof number, sizeof number);
    out[i] = static_cast<std::int64_t>(number);
  }
}

}   // namespace

bool is_npy(const ByteSource& source) {
  std::string begin(kMagic.size(), '\0');
  if (source.size() < begin.size()) return false;
  source.read(0, std::as_writable_bytes(std::span(begin.data(), begin.size())));
  return begin == kMagic;
}

NpyHeader read_npy_header(const ByteSource& source) {
  const auto refuse = [&](const std::string& reason) {
    fail(ContentError(source.name() + " is not a .npy file to be read here: " + reason + "."));
  };
  if (!is_npy(source)) refuse("it does not begin with \\x93NUMPY");
  // Version 1.0 has 2 bytes for the length of the header, 2.0 and 3.0 have 4.
  std::uint8_t version[2] = {};
  source.read(6, std::as_writable_bytes(std::span(version)));
  if (version[0] < 1 || version[0] > 3 || version[1] != 0)
    refuse("its version is " + std::to_string(version[0]) + "." + std::to_string(version[1]));
  std::uint32_t length = 0;
  const std::size_t width = version[0] == 1 ? 2 : 4;
  source.read(8, std::as_writable_bytes(std::span(&length, 1)).first(width));
  if (length > kMostHeader) refuse("its header claims " + std::to_string(length) + " bytes");
  std::string text(length, '\0');
  source.read(8 + width, std::as_writable_bytes(std::span(text.data(), text.size())));

  NpyHeader header = HeaderReader(source, std::move(text)).read();
  header.begin = 8 + width + length;
  std::int64_t count = 1;
  for (const std::int64_t n : header.shape)
    if (__builtin_mul_overflow(count, n, &count) || count > kMostElements)
      refuse("its shape has more than 2^40 elements");
  const std::uint64_t needed = static_cast<std::uint64_t>(count) * bytes_of(header.type);
  if (source.size() - header.begin != needed)
    refuse("its shape needs " + std::to_string(needed) + " bytes, and " +
           std::to_string(source.size() - header.begin) + " are there");
  return header;
}

IntegerArray read_npy_integers(const ByteSource& source) {
  refuse_more_than_memory(source);
  const NpyHeader header = read_npy_header(source);
  std::vector<std::byte> bytes(static_cast<std::size_t>(source.size() - header.begin));
  source.read(header.begin, bytes);
  IntegerArray array;
  array.shape = header.shape;
  array.values.resize(bytes.size() / bytes_of(header.type));
  switch (header.type) {
    case StoredType::u8:
      widen<std::uint8_t>(bytes, array.values);
      break;
    case StoredType::i8:
      widen<std::int8_t>(bytes, array.values);
      break;
    case StoredType::u16:
      widen<std::uint16_t>(bytes, array.values);
      break;
    case StoredType::i16:
      widen<std::int16_t>(bytes, array.values);
      break;
    case StoredType::u32:
      widen<std::uint32_t>(bytes, array.values);
      break;
    case StoredType::i32:
      widen<std::int32_t>(bytes, array.values);
      break;
    case StoredType::i64:
      widen<std::int64_t>(bytes, array.values);
      break;
    default:
      fail(ContentError(source.name() + " holds numbers of type " + name_of(header.type) +
                        " where whole numbers should be; save it with astype('<i4')."));
  }
  return array;
}

IntegerArray load_npy_integers(const std::string& path) {
  return read_npy_integers(FileSource(path));
}

void save_npy(const std::string& path, const StoredTensor& array) {
  const auto* row = std::find_if(std::begin(kTypes), std::end(kTypes),
                                 [&](const TypeRow& r) { return r.type == array.type; });
  if (row == std::end(kTypes))
    fail(Error(ExitCode::internal, std::string("npy: NumPy has no ") + name_of(array.type)));
  std::uint64_t count = 1;
  std::string shape;
  for (const std::int64_t n : array.shape) {
    count *= static_cast<std::uint64_t>(n);
    shape += std::to_string(n) + (array.shape.size() == 1 ? "," : ", ");
  }
  if (array.shape.size() > 1) shape.resize(shape.size() - 2);
  if (count * bytes_of(array.type) != array.bytes.size())
    fail(Error(ExitCode::internal, "npy: the bytes do not fit the shape"));

  std::string text = "{'descr': '" + std::string(row->descr) +
                     "', 'fortran_order': False, 'shape': (" + shape + "), }";
  const std::size_t before = kMagic.size() + 2 + 2;   // with the version and the length
  text.resize((before + text.size() + 1 + kAlignment - 1) / kAlignment * kAlignment - before - 1,
              ' ');
  text += '\n';
  const auto length = static_cast<std::uint16_t>(text.size());
  std::string head = std::string(kMagic) + '\x01' + '\0' + std::string(2, '\0');
  std::memcpy(&head[8], &length, sizeof length);

  AtomicFile file(path, head.size() + text.size() + array.bytes.size());
  file.write(head + text);
  file.write(array.bytes);
  file.finish();
  file.publish();
}

}   // namespace glass
