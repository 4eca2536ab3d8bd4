// Files of PyTorch made byte by byte, for tests that need to lie in one of them. Not by the
// program's own writer: this one does as PyTorch does, with sizes behind the bytes and none in
// front.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace glass::test {

using std::string_literals::operator""s;

inline std::string little(std::uint64_t value, std::size_t size) {
  std::string bytes;
  for (std::size_t k = 0; k < size; ++k) bytes += static_cast<char>(value >> (8 * k));
  return bytes;
}

inline std::uint32_t slow_crc32(const std::string& bytes) {   // bit by bit, as it is defined
  std::uint32_t rest = 0xffffffff;
  for (const char c : bytes) {
    rest ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) rest = rest >> 1 ^ ((rest & 1) != 0 ? 0xedb88320u : 0u);
  }
  return ~rest;
}

struct ZipPart {
  std::string name, bytes;
};

// An archive, and where its records begin, for those who want to change them.
struct ZipBytes {
  std::string bytes;
  std::vector<std::size_t> local, data, central;   // of each part
  std::size_t end64 = 0, locator = 0, end = 0;

  ZipBytes with(std::size_t at, const std::string& other) const {
    ZipBytes changed = *this;
    changed.bytes.replace(at, other.size(), other);
    return changed;
  }
};

inline ZipBytes zip_of(const std::vector<ZipPart>& parts) {
  ZipBytes zip;
  std::string& out = zip.bytes;
  std::string directory;
  for (const ZipPart& part : parts) {
    zip.local.push_back(out.size());
    const std::string crc = little(slow_crc32(part.bytes), 4), size = little(part.bytes.size(), 4);
    const std::string kind = little(0, 2) + little(0x808, 2) + little(0, 2) + little(0, 4);
    const std::size_t begin = out.size() + 30 + part.name.size() + 4;
    const std::size_t padding = (64 - begin % 64) % 64;
    out += "PK\x03\x04" + kind + little(0, 12) + little(part.name.size(), 2);
    out +=
        little(4 + padding, 2) + part.name + "FB" + little(padding, 2) + std::string(padding, 'Z');
    zip.data.push_back(out.size());
    out += part.bytes + "PK\x07\x08" + crc + size + size;
    zip.central.push_back(directory.size());
    directory +=
        "PK\x01\x02" + little(0, 2) + kind + crc + size + size + little(part.name.size(), 2);
    directory += little(0, 12) + little(zip.local.back(), 4) + part.name;
  }
  const std::size_t begin = out.size();
  for (std::size_t& at : zip.central) at += begin;
  out += directory;
  zip.end64 = out.size();
  out += "PK\x06\x06" + little(44, 8) + little(0x31e, 2) + little(45, 2) + little(0, 8);
  out += little(parts.size(), 8) + little(parts.size(), 8) + little(directory.size(), 8) +
         little(begin, 8);
  zip.locator = out.size();
  out += "PK\x06\x07" + little(0, 4) + little(zip.end64, 8) + little(1, 4);
  zip.end = out.size();
  const std::size_t few = parts.size() < 0xffff ? parts.size() : 0xffff;
  out += "PK\x05\x06" + little(0, 4) + little(few, 2) + little(few, 2);
  out += little(directory.size(), 4) + little(begin, 4) + little(0, 2);
  return zip;
}

// ---- pickles, protocol 2 ------------------------------------------------------------------------

inline std::string text(const std::string& text) { return "X" + little(text.size(), 4) + text; }
inline std::string number(std::int64_t n) {
  if (n >= 0 && n < 256) return "K" + little(static_cast<std::uint64_t>(n), 1);
  return "\x8a\x08" + little(static_cast<std::uint64_t>(n), 8);
}
inline std::string tuple(const std::vector<std::int64_t>& numbers) {
  std::string out = "(";
  for (const std::int64_t n : numbers) out += number(n);
  return out + "t";
}
inline std::string global(const std::string& module, const std::string& name) {
  return "c" + module + "\n" + name + "\n";
}
inline const std::string kOrderedDict = global("collections", "OrderedDict") + ")R";

// A reference to storage `key` of so many elements.
inline std::string storage(const std::string& key, std::int64_t elements,
                           const std::string& type = "FloatStorage") {
  return "(" + text("storage") + global("torch", type) + text(key) + text("cpu") +
         number(elements) + "tQ";
}
inline std::string tensor(const std::string& reference, std::int64_t offset,
                          const std::vector<std::int64_t>& shape,
                          const std::vector<std::int64_t>& strides) {
  return global("torch._utils", "_rebuild_tensor_v2") + "(" + reference + number(offset) +
         tuple(shape) + tuple(strides) + "\x89" + kOrderedDict + "tR";
}

inline std::string pickle(const std::string& steps) { return "\x80\x02" + steps + "."; }

inline std::string floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

// A file of PyTorch with this pickle and these storages: data/0, data/1, ...
inline ZipBytes torch_bytes(const std::string& pickle, const std::vector<std::string>& storages) {
  std::vector<ZipPart> parts = {{"x/data.pkl", pickle}, {"x/byteorder", "little"}};
  for (std::size_t i = 0; i < storages.size(); ++i)
    parts.push_back({"x/data/" + std::to_string(i), storages[i]});
  parts.push_back({"x/version", "3\n"});
  return zip_of(parts);
}

}   // namespace glass::test
