// Validate, then budget, then allocate, in that order. After read_safetensors_header the sizes of
// all tensors add up to the size of the file, so loading them cannot ask for more than is there.
#include "model/formats/safetensors.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "engine/base/atomic_file.h"
#include "engine/base/error.h"
#include "engine/base/json.h"
#include "engine/base/json_value.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"

namespace glass {
namespace {

constexpr std::uint64_t kMostHeader = 100'000'000;   // the limit of the format
constexpr std::size_t kMostTensors = 65'536, kMostName = 512, kMostRank = 8;
constexpr std::int64_t kMostDimension = std::int64_t{1} << 40, kMostElements = kMostDimension;
constexpr std::size_t kAlignment = 8;

struct TypeRow {
  const char* name;
  std::size_t bytes;
};
// In the order of StoredType.
constexpr TypeRow kTypes[] = {{"BOOL", 1}, {"U8", 1},   {"I8", 1},  {"I16", 2}, {"U16", 2},
                              {"F16", 2},  {"BF16", 2}, {"I32", 4}, {"U32", 4}, {"F32", 4},
                              {"F64", 8},  {"I64", 8},  {"U64", 8}};

std::string list_of_types() {
  std::vector<std::string> names;
  for (const TypeRow& row : kTypes) names.emplace_back(row.name);
  return list_of(names, "or");
}

// The product, unless it or a factor is beyond every real file. An overflow counts also where
// another factor is 0: such a shape is a lie in either case.
std::optional<std::int64_t> count_elements(std::span<const std::int64_t> shape) {
  std::int64_t count = 1;
  bool none = false;
  for (const std::int64_t n : shape) {
    if (n < 0 || n > kMostDimension) return {};
    none = none || n == 0;
    if (n > 0 && __builtin_mul_overflow(count, n, &count)) return {};
  }
  if (count > kMostElements) return {};
  return none ? 0 : count;
}

bool is_sound_name(const std::string& name) {
  return !name.empty() && name.size() <= kMostName && !has_control_bytes(name) &&
         name.find("../") == std::string::npos;
}

// Builds the list of tensors from the header's fields, one after the other.
class HeaderReader {
 public:
  explicit HeaderReader(const ByteSource& source) : source_(source) {}

  SafetensorsHeader read() {
    read_text();
    const JsonLimits limits{.depth = 8, .values = kMostTensors};   // of one field
    parse_json_fields(
        std::string_view(header_.text).substr(8), "the header of " + source_.name(),
        [&](const std::string& name, const JsonValue& value) {
          if (name == "__metadata__") take_notes(value);
          else take_tensor(name, value);
        },
        limits);
    check_places();
    return std::move(header_);
  }

 private:
  [[noreturn]] void refuse(const std::string& reason) const {
    fail(ContentError(source_.name() + " is not a sound safetensors file: " + reason + "."));
  }

  void read_text() {
    if (source_.size() == 0) refuse("it is empty");
    if (source_.size() < 8) refuse("it has only " + std::to_string(source_.size()) + " bytes");
    std::uint64_t size = 0;
    source_.read(0, std::as_writable_bytes(std::span(&size, 1)));
    const std::uint64_t rest = source_.size() - 8;
    if (size > kMostHeader || size > rest)
      refuse("its first 8 bytes promise a header of " + std::to_string(size) + " bytes; " +
             std::to_string(rest) + " follow, and at most " + std::to_string(kMostHeader) +
             " are allowed");
    header_.text.resize(8 + static_cast<std::size_t>(size));
    source_.read(0, std::as_writable_bytes(std::span(header_.text.data(), header_.text.size())));
    if (size == 0 || header_.text[8] != '{') refuse("its header does not begin with '{' at byte 8");
  }

  void take_notes(const JsonValue& value) {
    if (value.kind != JsonValue::Kind::object) refuse("__metadata__ is not an object");
    for (const auto& [key, note] : value.fields) {
      if (note.kind != JsonValue::Kind::text)
        refuse("the value of " + in_quotes(key) + " in __metadata__ is not a text");
      header_.notes.emplace(key, note.text);
    }
  }

  void take_tensor(const std::string& name, const JsonValue& value) {
    if (header_.tensors.size() == kMostTensors)
      refuse("it has more than " + with_commas(kMostTensors) + " tensors");
    if (!is_sound_name(name))
      refuse("a tensor has the name " + in_quotes(name) + "; allowed are 1 to " +
             std::to_string(kMostName) + " bytes, no control bytes and no ../");
    const std::string tensor = "tensor " + in_quotes(name);
    if (value.kind != JsonValue::Kind::object) refuse(tensor + " is described by no object");
    for (const auto& field : value.fields)
      if (field.first != "dtype" && field.first != "shape" && field.first != "data_offsets")
        refuse(tensor + " has a field " + in_quotes(field.first) + " that is not known here");

    TensorEntry entry;
    entry.name = name;
    entry.type = type_of(tensor, field_of(tensor, value, "dtype"));
    entry.shape = shape_of(tensor, field_of(tensor, value, "shape"));
    take_place(tensor, field_of(tensor, value, "data_offsets"), entry);
    header_.tensors.push_back(std::move(entry));
  }

  const JsonValue& field_of(const std::string& tensor, const JsonValue& object,
                            const char* name) const {
    const JsonValue* found = object.find(name);
    if (found == nullptr) refuse(tensor + " lacks the field '" + name + "'");
    return *found;
  }

  StoredType type_of(const std::string& tensor, const JsonValue& value) const {
    for (std::size_t i = 0; i < std::size(kTypes); ++i)
      if (value.kind == JsonValue::Kind::text && value.text == kTypes[i].name)
        return static_cast<StoredType>(i);
    refuse(tensor + " has the dtype " + in_quotes(value.text) + ", not " + list_of_types());
  }

  std::vector<std::int64_t> integers(const std::string& of, const JsonValue& value) const {
    if (value.kind != JsonValue::Kind::array) refuse(of + " is not a list");
    std::vector<std::int64_t> out;
    for (const JsonValue& item : value.items) {
      std::int64_t n = -1;
      const bool whole =
          item.kind == JsonValue::Kind::number && parse_integer(item.text, n) == NumberFault::none;
      if (!whole || n < 0)
        refuse(of + " holds " + (item.text.empty() ? "something" : in_quotes(item.text)) +
               " where an integer of 0 to 2^63-1 should be");
      out.push_back(n);
    }
    return out;
  }

  std::vector<std::int64_t> shape_of(const std::string& tensor, const JsonValue& value) const {
    const std::string of = "the shape of " + tensor;
    std::vector<std::int64_t> shape = integers(of, value);
    if (shape.size() > kMostRank)
      refuse(of + " has " + std::to_string(shape.size()) + " dimensions; " +
             std::to_string(kMostRank) + " are allowed");
    if (!count_elements(shape)) refuse(of + " has more than 2^40 elements");
    return shape;
  }

  // In the header, places count from the first byte behind it.
  void take_place(const std::string& tensor, const JsonValue& value, TensorEntry& entry) const {
    const std::vector<std::int64_t> place = integers("data_offsets of " + tensor, value);
    if (place.size() != 2) refuse("data_offsets of " + tensor + " are not two numbers");
    const auto begin = static_cast<std::uint64_t>(place[0]);
    const auto end = static_cast<std::uint64_t>(place[1]);
    const std::uint64_t data = source_.size() - header_.text.size();
    if (begin > end || end > data)
      refuse(tensor + " claims the bytes " + std::to_string(begin) + " to " + std::to_string(end) +
             " of the " + std::to_string(data) + " behind the header");
    const std::uint64_t needed =
        static_cast<std::uint64_t>(entry.elements()) * bytes_of(entry.type);
    if (end - begin != needed)
      refuse(tensor + " has " + std::to_string(end - begin) + " bytes where its shape needs " +
             std::to_string(needed));
    entry.begin = header_.text.size() + begin;
    entry.end = header_.text.size() + end;
  }

  // No holes, no overlaps: each begins where the one before ended, and the last ends the file.
  void check_places() {
    std::sort(header_.tensors.begin(), header_.tensors.end(),
              [](const TensorEntry& a, const TensorEntry& b) {
                return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
              });
    std::uint64_t at = header_.text.size();
    for (const TensorEntry& entry : header_.tensors) {
      if (entry.begin != at)
        refuse("tensor " + in_quotes(entry.name) + " begins at byte " +
               std::to_string(entry.begin) + ", but what is before it ends at " +
               std::to_string(at));
      at = entry.end;
    }
    if (at != source_.size())
      refuse("its tensors end at byte " + std::to_string(at) + ", and the file at " +
             std::to_string(source_.size()));
  }

  const ByteSource& source_;
  SafetensorsHeader header_;
};

bool is_utf8(const std::string& text) {
  std::u32string letters;
  return decode_utf8(text, letters) == text.size();
}

// What a caller wants to write and the format cannot say is a mistake in the program.
void check_to_write(std::span<const StoredTensor> tensors, const Notes& notes) {
  for (const StoredTensor& tensor : tensors) {
    const auto count = count_elements(tensor.shape);
    const bool sound =
        count && tensor.shape.size() <= kMostRank && is_sound_name(tensor.name) &&
        is_utf8(tensor.name) && tensor.name != "__metadata__" &&
        static_cast<std::size_t>(*count) * bytes_of(tensor.type) == tensor.bytes.size();
    if (!sound)
      fail(Error(ExitCode::internal,
                 "safetensors: tensor " + in_quotes(tensor.name) + " with " +
                     std::to_string(tensor.bytes.size()) +
                     " bytes does not fit its shape, or has a name that cannot be written"));
  }
  for (const auto& [key, value] : notes)
    if (!is_utf8(key) || !is_utf8(value))
      fail(Error(ExitCode::internal, "safetensors: the note " + in_quotes(key) + " is not UTF-8"));
}

std::uint64_t physical_memory() {
  const long pages = ::sysconf(_SC_PHYS_PAGES), size = ::sysconf(_SC_PAGESIZE);
  if (pages <= 0 || size <= 0) return UINT64_MAX;
  return static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(size);
}

}   // namespace

const char* name_of(StoredType type) { return kTypes[static_cast<std::size_t>(type)].name; }
std::size_t bytes_of(StoredType type) { return kTypes[static_cast<std::size_t>(type)].bytes; }
std::int64_t TensorEntry::elements() const { return count_elements(shape).value_or(0); }

// A file can be large without holding anything (holes cost no disk), so memory is asked first.
void refuse_more_than_memory(const ByteSource& source) {
  if (source.size() > physical_memory())
    fail(SystemError(source.name() + " has " + human_bytes(static_cast<double>(source.size())) +
                     ", more than this machine's memory; use a machine with more."));
}

OwnedBytes allocate_bytes(std::size_t size) {
  return {std::shared_ptr<std::byte[]>(new std::byte[size]), size};
}

bool looks_like_safetensors(const ByteSource& source) {
  if (source.size() < 9) return false;
  std::uint64_t length = 0;
  char first = 0;
  source.read(0, std::as_writable_bytes(std::span(&length, 1)));
  source.read(8, std::as_writable_bytes(std::span(&first, 1)));
  return first == '{' && length <= source.size() - 8;
}

SafetensorsHeader read_safetensors_header(const ByteSource& source) {
  return HeaderReader(source).read();
}

StoredTensor read_tensor(const ByteSource& source, const TensorEntry& entry) {
  const OwnedBytes bytes = allocate_bytes(static_cast<std::size_t>(entry.end - entry.begin));
  source.read(entry.begin, bytes.span());
  return {entry.name, entry.type, entry.shape, bytes.span(), bytes.data};
}

Safetensors load_safetensors(const std::string& path) {
  const FileSource source(path);
  refuse_more_than_memory(source);
  SafetensorsHeader header = read_safetensors_header(source);
  Safetensors out;
  for (const TensorEntry& entry : header.tensors) out.tensors.push_back(read_tensor(source, entry));
  out.notes = std::move(header.notes);
  return out;
}

std::vector<StoredTensor> in_file_order(std::vector<StoredTensor> tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const StoredTensor& a, const StoredTensor& b) {
    const std::size_t size_a = bytes_of(a.type), size_b = bytes_of(b.type);
    return size_a != size_b ? size_a > size_b : a.name < b.name;
  });
  return tensors;
}

std::uint64_t total_bytes(std::span<const StoredTensor> tensors) {
  std::uint64_t total = 0;
  for (const StoredTensor& tensor : tensors) total += tensor.bytes.size();
  return total;
}

std::string safetensors_header(std::span<const StoredTensor> ordered, const Notes& notes) {
  check_to_write(ordered, notes);
  Json json;
  json.object();
  if (!notes.empty()) {
    json.key("__metadata__").object();
    for (const auto& [key, value] : notes) json.field(key, value);
    json.end();
  }
  std::uint64_t at = 0;
  for (const StoredTensor& tensor : ordered) {
    const std::uint64_t begin = at;
    at += tensor.bytes.size();
    json.key(tensor.name).object().field("dtype", name_of(tensor.type));
    json.field("shape", tensor.shape).field("data_offsets", std::vector{begin, at}).end();
  }
  std::string text = json.end().text();
  text.resize((text.size() + kAlignment - 1) / kAlignment * kAlignment, ' ');
  const auto size = static_cast<std::uint64_t>(text.size());
  std::string out(sizeof size, '\0');
  std::memcpy(out.data(), &size, sizeof size);
  return out + text;
}

void save_safetensors(const std::string& path, std::vector<StoredTensor> tensors,
                      const Notes& notes) {
  const std::vector<StoredTensor> ordered = in_file_order(std::move(tensors));
  const std::string header = safetensors_header(ordered, notes);
  AtomicFile file(path, header.size() + total_bytes(ordered));
  file.write(header);
  for (const StoredTensor& tensor : ordered) file.write(tensor.bytes);
  file.finish();
  file.publish();
}

}   // namespace glass
