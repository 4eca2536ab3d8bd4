#include "model/token_folder.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "engine/base/atomic_file.h"
#include "engine/base/byte_source.h"
#include "engine/base/error.h"
#include "engine/base/file_ops.h"
#include "engine/base/files.h"
#include "engine/base/hash.h"
#include "engine/base/json.h"
#include "engine/base/json_value.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"
#include "model/tokenizer/bytes.h"
#include "model/tokenizer/nanogpt_meta.h"

namespace glass {
namespace {

const char* const kFormat = "glass.tokens";
constexpr std::int64_t kMostVocabulary = std::int64_t{1} << 31;

bool holds(std::string_view name, std::string_view part) {
  return name.find(part) != std::string_view::npos;
}

std::vector<std::string> sorted_names(const std::string& folder) {
  FileOps& files = system_files();
  const Descriptor open(files, files.open_folder(folder));
  std::vector<std::string> names;
  if (!open || files.list(open.get(), names) != 0) {
    fail(
        SystemError("cannot read the folder " + in_quotes(folder) + ": " + reason_of(errno) + "."));
  }
  std::sort(names.begin(), names.end());
  return names;
}

// The files of a split in the order of their names: train.bin, or every *train*.bin.
std::vector<std::string> shards_of(const std::vector<std::string>& names,
                                   const std::string& split) {
  if (std::binary_search(names.begin(), names.end(), split + ".bin")) return {split + ".bin"};
  std::vector<std::string> shards;
  for (const std::string& name : names) {
    const bool bin = name.size() > 4 && name.compare(name.size() - 4, 4, ".bin") == 0;
    if (bin && holds(name, split)) shards.push_back(name);
  }
  return shards;
}

// What meta.json says beside the tokens.
struct Meta {
  int width;
  std::int64_t vocab_size;
  std::int64_t train_documents, val_documents;
  std::string source, digest;
};

Meta read_meta(const std::string& path) {
  const std::string what = in_quotes(path);
  const JsonValue json = parse_json(read_text_file(path, "the notes on the tokens"), what);
  if (json.at("format", what).string(what + ": format") != kFormat)
    fail(ContentError(what + " does not say format " + std::string(kFormat) + "."));
  const auto integer = [&](const char* name, std::int64_t least, std::int64_t most) {
    return json.at(name, what).integer(what + ": " + name, least, most);
  };
  const std::int64_t bits = integer("bits", 16, 32);
  if (bits != 16 && bits != 32) fail(ContentError(what + ": bits must be 16 or 32."));
  const std::int64_t any = std::int64_t{1} << 62;
  return {static_cast<int>(bits / 8),
          integer("vocab_size", 1, kMostVocabulary),
          integer("train_documents", 0, any),
          integer("val_documents", 0, any),
          json.at("source", what).string(what + ": source"),
          json.at("digest", what).string(what + ": digest")};
}

TokenizerPtr read_meta_pkl(const std::string& path) {
  const FileSource file(path);
  if (file.size() > std::uint64_t{1} << 26)
    fail(ContentError(in_quotes(path) + " is too large for the letters of a corpus."));
  std::string bytes(file.size(), '\0');
  file.read(0, std::as_writable_bytes(std::span(bytes.data(), bytes.size())));
  return tokenizer_from_meta_pkl(bytes, in_quotes(path));
}

Tokens read_split(const std::string& folder, const std::vector<std::string>& shards, int width) {
  Tokens tokens;
  for (const std::string& shard : shards) tokens.append_file(folder + "/" + shard, width);
  return tokens;
}

int largest_token(const Tokens& tokens) {
  std::int32_t largest = 0;
  for_each_piece(tokens, tokens.size(), [&](std::int64_t, std::span<const std::int32_t> ids) {
    largest = std::max(largest, *std::max_element(ids.begin(), ids.end()));
  });
  return largest;
}

// Where nobody wrote down how many tokens there are: the family that a header stands for, or as
// many as it takes.
int guessed_vocabulary(const Dataset& data) {
  switch (data.train.family()) {
    case Tokens::Family::gpt2:
      return 50257;
    case Tokens::Family::llama3:
      return 128256;
    case Tokens::Family::unknown:
      break;
  }
  return std::max(largest_token(data.train), largest_token(data.val)) + 1;
}

void agree_on_tokenizer(Dataset& data, const DataOptions& options) {
  if (options.use == nullptr) return;
  if (data.tokenizer != nullptr && data.tokenizer->to_json() != options.use->to_json()) {
    fail(ContentError("the tokens in " + in_quotes(data.origin) + " were made by another " +
                      data.tokenizer->spec() + " tokenizer than the model's (" +
                      options.use->spec() + "); give it the text they were made from."));
  }
  data.tokenizer = options.use;
  data.vocab_size = data.tokenizer->vocab_size();
}

// "data/shakespeare/" -> "shakespeare"
std::string last_name(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return split_path(path).name;
}

}   // namespace

Dataset open_token_folder(const std::string& folder, const DataOptions& options) {
  const std::vector<std::string> names = sorted_names(folder);
  const auto is_there = [&](const char* name) {
    return std::binary_search(names.begin(), names.end(), name);
  };
  const std::vector<std::string> train = shards_of(names, "train"), val = shards_of(names, "val");
  if (train.empty()) {
    fail(ContentError("the folder " + in_quotes(folder) +
                      " has no train.bin in it; to learn from a text, name the text file, and to "
                      "prepare one, see glass data prep --help."));
  }
  Dataset data;
  data.name = last_name(folder);
  data.origin = folder;
  std::optional<Meta> meta;
  if (is_there("meta.json")) meta = read_meta(folder + "/meta.json");
  data.train = read_split(folder, train, meta ? meta->width : 2);
  data.val = read_split(folder, val, meta ? meta->width : 2);
  if (meta) {
    const std::string path = folder + "/tokenizer.json";
    data.tokenizer = tokenizer_from_json(read_text_file(path, "the tokenizer"), in_quotes(path));
    data.train_documents = meta->train_documents;
    data.val_documents = meta->val_documents;
    if (data.tokenizer->vocab_size() != meta->vocab_size) {
      fail(ContentError(in_quotes(folder) + ": meta.json promises " +
                        with_commas(meta->vocab_size) + " tokens, and tokenizer.json has " +
                        with_commas(data.tokenizer->vocab_size()) +
                        ": the files do not belong together."));
    }
  } else if (is_there("meta.pkl")) {
    data.tokenizer = read_meta_pkl(folder + "/meta.pkl");
  } else if (options.tokenizer == "bytes") {
    data.tokenizer = std::make_shared<BytesTokenizer>();
  }
  agree_on_tokenizer(data, options);
  data.vocab_size =
      data.tokenizer != nullptr ? data.tokenizer->vocab_size() : guessed_vocabulary(data);
  look_through(data);
  if (meta && meta->digest != hex16(data.digest)) {
    fail(ContentError("the tokens in " + in_quotes(folder) +
                      " are not the ones that meta.json was "
                      "written for; prepare the text again."));
  }
  return data;
}

namespace {

// The digest does not depend on how wide an id is stored or how a split is cut into shards.
void add_size(Xxh64& hash, std::int64_t size) { hash.add(std::as_bytes(std::span(&size, 1))); }

void add_to_digest(Xxh64& hash, std::span<const std::int32_t> ids) {
  add_size(hash, static_cast<std::int64_t>(ids.size()));
  hash.add(std::as_bytes(ids));
}

void add_to_digest(Xxh64& hash, const Tokens& tokens) {
  const std::int64_t size = tokens.size();
  add_size(hash, size);
  for_each_piece(tokens, size, [&](std::int64_t, std::span<const std::int32_t> ids) {
    hash.add(std::as_bytes(ids));
  });
}

struct Amount {
  std::int64_t bytes = 0, letters = 0;
};

Amount text_of(const std::vector<std::int64_t>& counts, const Tokenizer& tokenizer) {
  Amount amount;
  for (int id = 0; id < tokenizer.vocab_size(); ++id) {
    if (id == tokenizer.end_of_text()) continue;   // a sign between texts, not text
    const std::string_view bytes = tokenizer.token(id);
    const std::int64_t count = counts[static_cast<std::size_t>(id)];
    amount.bytes += count * static_cast<std::int64_t>(bytes.size());
    amount.letters += count * count_letters(bytes);
  }
  return amount;
}

}   // namespace

void look_through(Dataset& data) {
  const auto train = count_tokens(data.train, data.vocab_size);
  const auto val = count_tokens(data.val, data.vocab_size);
  if (data.tokenizer != nullptr) {
    const Amount in_train = text_of(train, *data.tokenizer), in_val = text_of(val, *data.tokenizer);
    data.train_bytes = in_train.bytes, data.train_letters = in_train.letters;
    data.val_bytes = in_val.bytes, data.val_letters = in_val.letters;
  }
  Xxh64 hash;
  add_to_digest(hash, data.train);
  add_to_digest(hash, data.val);
  data.digest = hash.digest();
}

namespace {

// The ids as numbers of this width, a piece after the other: a corpus is large.
template <class Id>
void write_ids(const std::string& path, std::span<const std::int32_t> ids) {
  AtomicFile file(path, ids.size() * sizeof(Id));
  std::vector<Id> piece;
  while (!ids.empty()) {
    const std::size_t here = std::min<std::size_t>(ids.size(), 1 << 18);
    piece.assign(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(here));
    file.write(std::as_bytes(std::span(piece)));
    ids = ids.subspan(here);
  }
  file.finish();
  file.publish();
}

}   // namespace

void write_token_folder(const std::string& folder, const EncodedText& text,
                        const std::string& source) {
  const bool narrow = text.tokenizer->vocab_size() <= 1 << 16;
  const auto write_split = [&](const char* name, const std::vector<std::int32_t>& ids) {
    if (ids.empty()) return;   // a split that is empty has no file
    if (narrow) write_ids<std::uint16_t>(folder + "/" + name, ids);
    else write_ids<std::uint32_t>(folder + "/" + name, ids);
  };
  write_split("train.bin", text.train);
  write_split("val.bin", text.val);
  write_file(folder + "/tokenizer.json", text.tokenizer->to_json() + "\n");

  Xxh64 hash;
  add_to_digest(hash, text.train);
  add_to_digest(hash, text.val);
  Json json;
  json.object().field("format", kFormat).field("bits", narrow ? 16 : 32);
  json.field("vocab_size", text.tokenizer->vocab_size());
  json.field("tokenizer", text.tokenizer->spec()).field("source", source);
  json.field("train_tokens", text.train.size()).field("val_tokens", text.val.size());
  json.field("train_documents", text.train_documents).field("val_documents", text.val_documents);
  json.field("digest", hex16(hash.digest())).end();
  write_file(folder + "/meta.json", json.text() + "\n");
}

}   // namespace glass
