#include "model/formats/pytorch.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"

namespace glass {
namespace {

using Kind = PickleValue::Kind;
using Use = PickleGlobal::Use;

constexpr std::uint64_t kMostPickle = 16 << 20;   // bytes of data.pkl
constexpr std::size_t kMostTensors = 65'536, kMostName = 512, kMostRank = 8;
constexpr std::int64_t kMostDimension = std::int64_t{1} << 40;
constexpr std::string_view kPickleName = "data.pkl";
// What a file of before 1.6 begins with: a pickle of the number 0x1950a86a20f9469cfc6c.
constexpr std::string_view kLegacy = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19";

// clang-format off
constexpr char kSteps[] = {
    step::MARK, step::NONE, char(step::NEWTRUE), char(step::NEWFALSE), step::BININT, step::BININT1, step::BININT2,
    char(step::LONG1), step::BINFLOAT, step::BINUNICODE, step::EMPTY_TUPLE, step::TUPLE, char(step::TUPLE1),
    char(step::TUPLE2), char(step::TUPLE3), step::EMPTY_LIST, step::APPEND, step::APPENDS, step::EMPTY_DICT,
    step::SETITEM, step::SETITEMS, step::BINPUT, step::LONG_BINPUT, step::BINGET, step::LONG_BINGET, step::GLOBAL,
    step::REDUCE, step::BUILD, step::BINPERSID};

constexpr PickleGlobal kGlobals[] = {
    {"collections",  "OrderedDict",        Use::dictionary},
    {"torch._utils", "_rebuild_tensor_v2", Use::called},
    {"torch._utils", "_rebuild_parameter", Use::called},
    {"torch",        "Size",               Use::called},
    {"torch",        "FloatStorage",       Use::named},
    {"torch",        "DoubleStorage",      Use::named},
    {"torch",        "HalfStorage",        Use::named},
    {"torch",        "BFloat16Storage",    Use::named},
    {"torch",        "LongStorage",        Use::named},
    {"torch",        "IntStorage",         Use::named},
    {"torch",        "ShortStorage",       Use::named},
    {"torch",        "CharStorage",        Use::named},
    {"torch",        "ByteStorage",        Use::named},
    {"torch",        "BoolStorage",        Use::named},
};

struct StorageType {
  std::string_view name;
  StoredType type;
};
constexpr StorageType kStorages[] = {
    {"FloatStorage", StoredType::f32},     {"DoubleStorage", StoredType::f64}, {"HalfStorage", StoredType::f16},
    {"BFloat16Storage", StoredType::bf16}, {"LongStorage", StoredType::i64},   {"IntStorage", StoredType::i32},
    {"ShortStorage", StoredType::i16},     {"CharStorage", StoredType::i8},    {"ByteStorage", StoredType::u8},
    {"BoolStorage", StoredType::boolean},
};
// clang-format on

constexpr PickleGrammar kGrammar = {"a file of PyTorch",     2,        2,
                                    {kSteps, sizeof kSteps}, kGlobals, 1 << 20};

// The one folder that everything in the archive lies in, with its '/'.
std::string folder_of(const ZipArchive& archive) {
  const auto refuse = [&](const std::string& reason) {
    fail(ContentError(archive.source().name() +
                      " is a zip archive, but no file of PyTorch: " + reason + "."));
  };
  if (archive.entries().empty()) refuse("it is empty");
  const std::string& first = archive.entries().front().name;
  const std::string folder = first.substr(0, first.find('/') + 1);
  for (const ZipEntry& entry : archive.entries())
    if (folder.empty() || entry.name.compare(0, folder.size(), folder) != 0)
      refuse("its files are not all in one folder (" + in_quotes(entry.name) + ")");
  if (archive.find(folder + std::string(kPickleName)) == nullptr) refuse("it has no data.pkl");
  return folder;
}

std::string text_of(const ZipArchive& archive, const ZipEntry& entry, std::uint64_t most) {
  if (entry.size > most)
    fail(ContentError(archive.source().name() + ": " + in_quotes(entry.name) + " has " +
                      human_bytes(static_cast<double>(entry.size)) + ", which is too large."));
  const OwnedBytes bytes = archive.read(entry);
  return {reinterpret_cast<const char*>(bytes.data.get()), bytes.size};
}

bool is_call(PickleValue value, std::string_view name) {
  return value.is(Kind::call) && value.global().name == name;
}

// Where numbers lie one after the other, the last dimension closest. Where there is only one of
// something its stride says nothing.
bool is_row_major(const TorchTensor& tensor) {
  std::int64_t stride = 1;
  for (std::size_t i = tensor.shape.size(); i-- > 0;) {
    if (tensor.shape[i] != 1 && tensor.strides[i] != stride) return false;
    stride *= tensor.shape[i];
  }
  return true;
}

bool is_sound_name(std::string_view name) {
  std::u32string letters;
  return !name.empty() && name.size() <= kMostName && !has_control_bytes(name) &&
         decode_utf8(name, letters) == name.size();
}

}   // namespace

std::int64_t TorchTensor::elements() const {
  std::int64_t count = 1;
  for (const std::int64_t n : shape) count *= n;
  return count;
}

namespace {

std::string first_bytes(const ByteSource& source, std::uint64_t most) {
  std::string bytes(static_cast<std::size_t>(std::min(source.size(), most)), '\0');
  source.read(0, std::as_writable_bytes(std::span(bytes.data(), bytes.size())));
  return bytes;
}

const ByteSource& not_legacy(const ByteSource& source) {
  refuse_more_than_memory(source);
  if (first_bytes(source, kLegacy.size()) != kLegacy) return source;
  fail(ContentError(source.name() +
                    " is in the format that PyTorch wrote before version 1.6, which is not read "
                    "here; load it with PyTorch and save it again: torch.save(torch.load(FILE), "
                    "FILE)."));
}

}   // namespace

bool is_torch_file(const ByteSource& source) {
  const std::string head = first_bytes(source, 30 + kMostName);
  if (head.compare(0, kLegacy.size(), kLegacy) == 0) return true;
  if (head.size() < 30 || head.compare(0, kZipStart.size(), kZipStart) != 0) return false;
  // The first file of the archive is the pickle; its name follows a header of 30 bytes.
  const std::size_t size = static_cast<unsigned char>(head[26]) |
                           static_cast<std::size_t>(static_cast<unsigned char>(head[27])) << 8;
  return std::string_view(head).substr(30, size).ends_with("/data.pkl");
}

TorchFile::TorchFile(const ByteSource& source)
    : source_(not_legacy(source)), archive_(source), folder_(folder_of(archive_)) {
  if (const ZipEntry* order = archive_.find(folder_ + "byteorder")) {
    const std::string said = text_of(archive_, *order, 64);
    if (said != "little")
      fail(ContentError(source.name() + " has numbers of the byte order " + in_quotes(said) +
                        "; only little is read here."));
  }
  const ZipEntry& entry = *archive_.find(folder_ + std::string(kPickleName));
  pickle_ = std::make_unique<Pickle>(text_of(archive_, entry, kMostPickle), kGrammar,
                                     "data.pkl in " + source.name());
  // The version and whatever else there is says nothing here, but damage in it is damage.
  for (const ZipEntry& other : archive_.entries())
    if (&other != &entry && !other.name.starts_with(folder_ + "data/")) archive_.check(other);
  loaded_.resize(archive_.entries().size());
}

// ---- what the pickle says about a tensor --------------------------------------------------------

bool TorchFile::is_tensor(PickleValue value) const {
  return is_call(value, "_rebuild_tensor_v2") || is_call(value, "_rebuild_parameter");
}

bool TorchFile::is_state_dict(PickleValue value) const {
  if (!value.is(Kind::dictionary) || value.pairs() == 0) return false;
  for (std::size_t i = 0; i < value.pairs(); ++i) {
    const auto [key, item] = value.pair(i);
    if (!key.is(Kind::text) || !is_tensor(item)) return false;
  }
  return true;
}

std::vector<std::int64_t> TorchFile::sizes_of(PickleValue tuple, const char* what) const {
  if (is_call(tuple, "Size") && tuple.size() == 1) tuple = tuple[0];
  std::vector<std::int64_t> sizes;
  if (tuple.size() > kMostRank)
    tuple.refuse("a tensor has more than " + std::to_string(kMostRank) + " dimensions");
  for (std::size_t i = 0; i < tuple.size(); ++i) {
    sizes.push_back(tuple[i].integer());
    if (sizes.back() < 0 || sizes.back() > kMostDimension)
      tuple.refuse(std::string("a tensor has the ") + what + " " + std::to_string(sizes.back()));
  }
  return sizes;
}

// ('storage', torch.FloatStorage, '0', 'cpu', how many elements)
std::size_t TorchFile::storage_of(PickleValue reference, StoredType& type) const {
  const PickleValue key = reference.inner();
  if (key.size() != 5 || key[0].text() != "storage")
    key.refuse("a reference is not one to a storage");
  const PickleGlobal& global = key[1].global();
  const auto row = std::find_if(std::begin(kStorages), std::end(kStorages),
                                [&](const StorageType& r) { return r.name == global.name; });
  if (row == std::end(kStorages) || !key[1].is(Kind::global))
    key.refuse(std::string(global.name) + " is no type of storage");
  type = row->type;
  const std::string_view name = key[2].text();
  const bool digits = !name.empty() && name.size() <= 20 &&
                      name.find_first_not_of("0123456789") == std::string_view::npos;
  const ZipEntry* entry = digits ? archive_.find(folder_ + "data/" + std::string(name)) : nullptr;
  if (entry == nullptr) key.refuse("there is no storage " + in_quotes(name) + " in the archive");
  key[3].text();   // the device it was on: "cpu", "cuda:0", "mps"; all are the same here
  const std::uint64_t size = bytes_of(type);
  if (key[4].integer() < 0 || entry->size % size != 0 ||
      static_cast<std::uint64_t>(key[4].integer()) != entry->size / size)
    key.refuse("the storage " + in_quotes(name) + " has " + std::to_string(entry->size) +
               " bytes, which are not " + std::to_string(key[4].integer()) + " of type " +
               name_of(type));
  return static_cast<std::size_t>(entry - archive_.entries().data());
}

// _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks, ...)
TorchTensor TorchFile::tensor(PickleValue value, const std::string& name) const {
  if (is_call(value, "_rebuild_parameter")) {   // (tensor, requires_grad, hooks)
    if (value.size() != 3) value.refuse("a parameter is not rebuilt from three values");
    value = value[0];
  }
  if (!is_call(value, "_rebuild_tensor_v2")) value.refuse(in_quotes(name) + " is no tensor");
  if (value.size() != 6 && value.size() != 7)
    value.refuse("a tensor is not rebuilt from six values");
  TorchTensor tensor;
  tensor.name = name;
  tensor.storage = storage_of(value[0], tensor.type);
  tensor.offset = value[1].integer();
  tensor.shape = sizes_of(value[2], "size");
  tensor.strides = sizes_of(value[3], "stride");
  value[4].boolean();
  if (tensor.strides.size() != tensor.shape.size())
    value.refuse("a tensor has " + std::to_string(tensor.shape.size()) + " sizes and " +
                 std::to_string(tensor.strides.size()) + " strides");
  // The last element must lie in the storage. A size of 0 leaves none; but an overflow of the rest
  // is a lie also then.
  const std::uint64_t bytes = archive_.entries()[tensor.storage].size;
  const auto numbers = static_cast<std::int64_t>(bytes / bytes_of(tensor.type));
  std::int64_t count = 1, last = tensor.offset;
  bool none = false, sound = tensor.offset >= 0 && tensor.offset <= numbers;
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    const std::int64_t n = tensor.shape[i], stride = tensor.strides[i];
    std::int64_t way = 0;
    none = none || n == 0;
    if (n > 1 && stride == 0) value.refuse("a tensor has the stride 0 (it was expanded)");
    sound = sound && !__builtin_mul_overflow(count, std::max<std::int64_t>(n, 1), &count) &&
            !__builtin_mul_overflow(std::max<std::int64_t>(n - 1, 0), stride, &way) &&
            !__builtin_add_overflow(last, way, &last);
  }
  if (!sound || (!none && last >= numbers) || (!none && count > numbers))
    value.refuse(in_quotes(name) + " does not lie in its storage of " + std::to_string(numbers) +
                 " elements");
  return tensor;
}

std::vector<TorchTensor> TorchFile::state_dict(PickleValue dictionary) const {
  if (dictionary.pairs() > kMostTensors)
    dictionary.refuse("it has more than " + with_commas(kMostTensors) + " tensors");
  std::vector<TorchTensor> tensors;
  std::unordered_set<std::string> names;
  for (std::size_t i = 0; i < dictionary.pairs(); ++i) {
    const auto [key, value] = dictionary.pair(i);
    const std::string name(key.text());
    if (!is_sound_name(name))
      key.refuse("a tensor has the name " + in_quotes(name) + "; allowed are 1 to " +
                 std::to_string(kMostName) + " bytes of UTF-8, and no control bytes");
    if (!names.insert(name).second) key.refuse("the name " + in_quotes(name) + " is there twice");
    tensors.push_back(tensor(value, name));
  }
  return tensors;
}

std::string TorchFile::summary() const {
  const PickleValue root = pickle_->root();
  if (!root.is(Kind::dictionary))
    return is_tensor(root) ? "a tensor" : "something that is no dictionary";
  constexpr std::size_t kShown = 4;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(root.pairs(), kShown); ++i) {
    const PickleValue key = root.pair(i).first;
    names.push_back(key.is(Kind::text) ? in_quotes(key.text()) : "a key that is no text");
  }
  if (names.empty()) return "an empty dictionary";
  if (root.pairs() > kShown) names.push_back(std::to_string(root.pairs() - kShown) + " more");
  return "a dictionary of " + list_of(names, "and");
}

// ---- numbers ------------------------------------------------------------------------------------

OwnedBytes TorchFile::storage(std::size_t i) {
  const ZipEntry& entry = archive_.entries()[i];
  const auto size = static_cast<std::size_t>(entry.size);
  if (const std::shared_ptr<std::byte> there = loaded_[i].lock()) {
    last_ = std::shared_ptr<std::byte[]>(there, there.get());
    return {last_, size};
  }
  last_.reset();   // or there were two where one is enough
  OwnedBytes bytes = archive_.read(entry);
  last_ = bytes.data;
  loaded_[i] = std::shared_ptr<std::byte>(last_, last_.get());
  return bytes;
}

namespace {

// Row by row, the last dimension innermost.
template <class Element>
void gather(const TorchTensor& tensor, const std::byte* from, std::byte* to) {
  const std::size_t rank = tensor.shape.size();
  const std::int64_t columns = rank > 0 ? tensor.shape[rank - 1] : 1;
  const std::int64_t stride = rank > 0 ? tensor.strides[rank - 1] : 1;
  std::vector<std::int64_t> index(rank);
  for (std::int64_t left = tensor.elements(); left > 0; left -= columns) {
    std::int64_t at = tensor.offset;
    for (std::size_t i = 0; i + 1 < rank; ++i) at += index[i] * tensor.strides[i];
    for (std::int64_t c = 0; c < columns; ++c, to += sizeof(Element))
      std::memcpy(to, from + static_cast<std::size_t>(at + c * stride) * sizeof(Element),
                  sizeof(Element));
    for (std::size_t i = rank; i-- > 1;) {
      if (++index[i - 1] < tensor.shape[i - 1]) break;
      index[i - 1] = 0;
    }
  }
}

}   // namespace

StoredTensor TorchFile::load(const TorchTensor& tensor) {
  const OwnedBytes numbers = storage(tensor.storage);
  const std::size_t size = bytes_of(tensor.type);
  const std::size_t bytes = static_cast<std::size_t>(tensor.elements()) * size;
  // A few bytes of a file can describe many tensors that lie in the same storage. Twice: a model
  // may have its head in its embedding, and whether it has is found out by looking at both.
  given_ += bytes;
  if (given_ > 2 * source_.size() + (std::uint64_t{64} << 20))
    fail(ContentError(source_.name() +
                      ": its tensors, laid out one by one, are more than twice as large as the "
                      "file, at " +
                      in_quotes(tensor.name) + "."));
  if (bytes == 0 || is_row_major(tensor)) {
    const std::size_t begin = static_cast<std::size_t>(tensor.offset) * size;
    return {tensor.name, tensor.type, tensor.shape, numbers.span().subspan(begin, bytes),
            numbers.data};
  }
  const OwnedBytes out = allocate_bytes(bytes);
  switch (size) {
    case 1:
      gather<std::uint8_t>(tensor, numbers.data.get(), out.data.get());
      break;
    case 2:
      gather<std::uint16_t>(tensor, numbers.data.get(), out.data.get());
      break;
    case 4:
      gather<std::uint32_t>(tensor, numbers.data.get(), out.data.get());
      break;
    default:
      gather<std::uint64_t>(tensor, numbers.data.get(), out.data.get());
      break;
  }
  return {tensor.name, tensor.type, tensor.shape, out.span(), out.data};
}

// ---- writing ------------------------------------------------------------------------------------

void TorchWriter::tensor(const StoredTensor& x) {
  const auto same = [&](const StoredTensor& other) {
    return other.bytes.data() == x.bytes.data() && other.bytes.size() == x.bytes.size() &&
           other.type == x.type;
  };
  auto place = std::find_if(storages_.begin(), storages_.end(), same);
  if (place == storages_.end()) place = storages_.insert(place, x);
  const auto row = std::find_if(std::begin(kStorages), std::end(kStorages),
                                [&](const StorageType& r) { return r.type == x.type; });
  if (row == std::end(kStorages))
    fail(Error(ExitCode::internal,
               std::string("PyTorch has no storage of ") + name_of(x.type) + "."));
  const auto count = static_cast<std::int64_t>(x.bytes.size() / bytes_of(x.type));

  pickle_.global("torch._utils", "_rebuild_tensor_v2").tuple();
  pickle_.tuple().text("storage").global("torch", row->name);
  pickle_.text(std::to_string(place - storages_.begin())).text("cpu").integer(count).end();
  pickle_.persistent().integer(0).tuple();
  for (const std::int64_t n : x.shape) pickle_.integer(n);
  pickle_.end().tuple();
  std::vector<std::int64_t> strides(x.shape.size(), 1);
  for (std::size_t i = strides.size(); i-- > 1;)
    strides[i - 1] = strides[i] * std::max<std::int64_t>(x.shape[i], 1);
  for (const std::int64_t n : strides) pickle_.integer(n);
  pickle_.end().boolean(false).global("collections", "OrderedDict").tuple().end().call();
  pickle_.end().call();
}

void TorchWriter::save(const std::string& path) const {
  const std::string pickle = pickle_.bytes();
  const auto of_text = [](std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
  };
  // torch.load does without data.pkl's neighbours, but not without the version.
  std::vector<ZipFile> files = {{"archive/data.pkl", of_text(pickle)},
                                {"archive/byteorder", of_text("little")}};
  for (std::size_t i = 0; i < storages_.size(); ++i)
    files.push_back({"archive/data/" + std::to_string(i), storages_[i].bytes});
  files.push_back({"archive/version", of_text("3\n")});
  save_zip(path, files);
}

}   // namespace glass
