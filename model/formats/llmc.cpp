#include "model/formats/llmc.h"

#include <algorithm>
#include <filesystem>
#include <limits>

#include "engine/base/atomic_file.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "model/formats/elements.h"
#include "model/run.h"

namespace glass {
namespace {

constexpr std::size_t kHeaderBytes = 256 * sizeof(std::int32_t);
constexpr std::int32_t kF32Version = 3, kBf16Version = 5;
constexpr std::int64_t kPadTo = 128;   // rows of the embedding, so that a GPU's tiles fit
constexpr std::uint64_t kMostTokenizerBytes = std::uint64_t{1} << 28;
constexpr const char* kTokenizerName = "gpt2_tokenizer.bin";

[[noreturn]] void refuse(const ByteSource& source, const std::string& reason) {
  fail(ContentError(source.name() + " is no sound file of llm.c: " + reason + "."));
}

// One array of the file: a kind of parameter, of all layers one after the other.
struct Array {
  const char* ours;   // "attn.c_attn.weight", of one layer; or the whole name
  bool layered;
  std::int64_t rows, columns;   // of one layer; columns 0: a vector
};

std::vector<Array> arrays_of(const GPTConfig& c, std::int64_t padded) {
  const std::int64_t C = c.n_embd;
  return {{"transformer.wte.weight", false, padded, C},
          {"transformer.wpe.weight", false, c.block_size, C},
          {"ln_1.weight", true, C, 0},
          {"ln_1.bias", true, C, 0},
          {"attn.c_attn.weight", true, 3 * C, C},
          {"attn.c_attn.bias", true, 3 * C, 0},
          {"attn.c_proj.weight", true, C, C},
          {"attn.c_proj.bias", true, C, 0},
          {"ln_2.weight", true, C, 0},
          {"ln_2.bias", true, C, 0},
          {"mlp.c_fc.weight", true, 4 * C, C},
          {"mlp.c_fc.bias", true, 4 * C, 0},
          {"mlp.c_proj.weight", true, C, 4 * C},
          {"mlp.c_proj.bias", true, C, 0},
          {"transformer.ln_f.weight", false, C, 0},
          {"transformer.ln_f.bias", false, C, 0}};
}

// Calls f(our name, array, number of elements) for every tensor, in the order of the file. The
// layers of a kind stand together.
template <class F>
void each_tensor(const GPTConfig& config, std::int64_t padded, const F& f) {
  for (const Array& array : arrays_of(config, padded)) {
    const std::int64_t count = array.rows * std::max<std::int64_t>(array.columns, 1);
    if (!array.layered) f(std::string(array.ours), array, count);
    for (std::int64_t i = 0; array.layered && i < config.n_layer; ++i)
      f("transformer.h." + std::to_string(i) + "." + array.ours, array, count);
  }
}

// V_p C + T C + L (12 C^2 + 13 C) + 2 C; nothing where that is beyond every real file.
bool count_parameters(const GPTConfig& c, std::int64_t padded, std::int64_t& count) {
  const auto times = [](std::int64_t a, std::int64_t b, std::int64_t& product) {
    return !__builtin_mul_overflow(a, b, &product) && product <= std::int64_t{1} << 40;
  };
  std::int64_t rows = padded + c.block_size + 2, embeddings = 0, square = 0, blocks = 0;
  if (!times(rows, c.n_embd, embeddings) || !times(c.n_embd, c.n_embd, square)) return false;
  if (!times(12 * square + 13 * c.n_embd, c.n_layer, blocks)) return false;
  count = embeddings + blocks;
  return true;
}

StoredTensor read_numbers(const ByteSource& source, std::uint64_t at, std::int64_t count,
                          StoredType type) {
  const OwnedBytes bytes = allocate_bytes(static_cast<std::size_t>(count) * bytes_of(type));
  source.read(at, bytes.span());
  return as_type({"", type, {count}, bytes.span(), bytes.data}, StoredType::f32);
}

}   // namespace

bool is_llmc(const ByteSource& source, std::int32_t magic) {
  std::int32_t first = 0;
  if (source.size() < kHeaderBytes) return false;
  source.read(0, std::as_writable_bytes(std::span(&first, 1)));
  return first == magic;
}

std::array<std::int32_t, 256> read_llmc_numbers(const ByteSource& source, std::int32_t magic) {
  std::array<std::int32_t, 256> numbers{};
  if (source.size() < kHeaderBytes)
    refuse(source, "it has " + std::to_string(source.size()) + " bytes, and its header has 1024");
  source.read(0, std::as_writable_bytes(std::span(numbers)));
  if (numbers[0] != magic)
    refuse(source, "it begins with the number " + std::to_string(numbers[0]) + ", not with " +
                       std::to_string(magic));
  return numbers;
}

std::int64_t llmc_padded(std::int64_t vocab_size) {
  return (vocab_size + kPadTo - 1) / kPadTo * kPadTo;
}

LlmcHeader read_llmc_header(const ByteSource& source) {
  const auto numbers = read_llmc_numbers(source, kLlmcModel);
  LlmcHeader header;
  const std::int32_t version = numbers[1];
  if (version != kF32Version && version != kBf16Version)
    refuse(source, "its version is " + std::to_string(version) + "; 3 (f32) and 5 (bf16) are read");
  header.bf16 = version == kBf16Version;
  const auto size = [&](std::size_t i, const char* what) {
    if (numbers[i] < 1)
      refuse(source, "number " + std::to_string(i) + " of its header, " + what + ", is " +
                         std::to_string(numbers[i]));
    return std::int64_t{numbers[i]};
  };
  GPTConfig& c = header.config;
  c.block_size = size(2, "the longest text");
  c.vocab_size = size(3, "the number of tokens");
  c.n_layer = size(4, "the number of layers");
  c.n_head = size(5, "the number of heads");
  c.n_embd = size(6, "the width");
  header.padded = size(7, "the padded number of tokens");
  c.act = Activation::gelu;
  if (header.padded < c.vocab_size)
    refuse(source, "it pads " + std::to_string(c.vocab_size) + " tokens to " +
                       std::to_string(header.padded));
  const auto data = source.size() - kHeaderBytes;
  const std::uint64_t width = header.bf16 ? 2 : 4;
  if (!count_parameters(c, header.padded, header.parameters) ||
      static_cast<std::uint64_t>(header.parameters) * width != data)
    refuse(source,
           "its header describes " +
               (header.parameters > 0 ? std::to_string(header.parameters) + " parameters of " +
                                            std::to_string(width) + " bytes"
                                      : std::string("more than 2^40 parameters")) +
               ", and " + std::to_string(data) + " bytes follow byte 1024");
  check_described(c, source.name());   // from here on there are at most 4096 layers
  return header;
}

LlmcHeader llmc_header_for(const GPTConfig& config, const std::string& what) {
  const std::vector<std::string> why = not_gpt2(config, {});
  if (!why.empty()) fail(ContentError(what + ": llm.c does not know " + list_of(why, "and") + "."));
  LlmcHeader header;
  header.config = config;
  header.padded = llmc_padded(config.vocab_size);
  if (!count_parameters(config, header.padded, header.parameters))
    fail(ContentError(what + " is larger than llm.c's files can say."));
  return header;
}

std::vector<StoredTensor> read_llmc_parameters(const ByteSource& source, std::uint64_t at,
                                               const LlmcHeader& header, StoredType type,
                                               const std::string& prefix) {
  std::vector<StoredTensor> tensors;
  each_tensor(header.config, header.padded,
              [&](const std::string& name, const Array& array, std::int64_t count) {
                const bool embedding = tensors.empty();
                const std::int64_t rows = embedding ? header.config.vocab_size : array.rows;
                const std::int64_t kept = count / array.rows * rows;
                StoredTensor tensor = read_numbers(source, at, kept, type);
                tensor.name = prefix + name;
                tensor.shape = {rows};
                if (array.columns > 0) tensor.shape.push_back(array.columns);
                tensors.push_back(std::move(tensor));
                at += static_cast<std::uint64_t>(count) * bytes_of(type);
              });
  return tensors;
}

// --- A model and its neighbours ------------------------------------------------------------------

namespace {

bool exists(const std::string& path) {
  std::error_code fault;
  return std::filesystem::is_regular_file(path, fault);
}

std::string beside(const std::string& path, const std::string& name) {
  return (std::filesystem::path(path).parent_path() / name).string();
}

// The names of llm.c's own arrays are of no use to anybody; ours say more.
void describe(const LlmcHeader& header, ForeignModel& model) {
  each_tensor(header.config, header.padded,
              [&](const std::string& name, const Array& array, std::int64_t) {
                std::vector<std::int64_t> shape = {array.rows};
                if (array.columns > 0) shape.push_back(array.columns);
                model.tensors.push_back({name, header.bf16 ? "BF16" : "F32", shape});
              });
  if (header.padded > header.config.vocab_size)
    model.facts.emplace_back("padding", std::to_string(header.padded - header.config.vocab_size) +
                                            " rows of the embedding");
}

// Where training was: the moments, and the weights as they were before they became bf16. A state
// that does not fit is said and left alone: the model is whole without it.
std::int64_t read_state(const std::string& path, const LlmcHeader& header, Want want,
                        ForeignModel& model) {
  const FileSource source(path);
  LlmcState state;
  try {
    state = read_llmc_state(source, header, want);
  } catch (const ContentError& error) {
    model.facts.emplace_back("state", std::string("not used: ") + error.what());
    return 0;
  }
  // Both are in the order of each_tensor.
  std::move(state.masters.begin(), state.masters.end(), model.checkpoint.tensors.begin());
  for (StoredTensor& tensor : state.tensors) model.checkpoint.tensors.push_back(std::move(tensor));
  // How fast and for how long it learned stands in no file of llm.c's.
  model.checkpoint.notes["glass.trainer"] =
      trainer_note(TrainConfig(), std::numeric_limits<double>::infinity(), state.step);
  model.facts.emplace_back("state", source.name() + ": AdamW's moments of step " +
                                        std::to_string(state.step) +
                                        "; training goes on with glass train DATA --resume FILE");
  return state.step;
}

}   // namespace

ForeignModel read_llmc_model(const ByteSource& source, Want want, const TokenizerPtr& tokenizer,
                             const std::string& state) {
  const LlmcHeader header = read_llmc_header(source);
  refuse_more_than_memory(source);
  ForeignModel model;
  model.kind = "llm.c model";
  describe(header, model);
  if (want == Want::everything)
    model.checkpoint.tensors = read_llmc_parameters(
        source, kHeaderBytes, header, header.bf16 ? StoredType::bf16 : StoredType::f32);
  const std::int64_t step = state.empty() ? 0 : read_state(state, header, want, model);
  put_notes(model.checkpoint, header.config, tokenizer, step, source.name());
  return model;
}

namespace {

bool recognises(const FileOrFolder& from) {
  return !from.is_folder() && is_llmc(from.source(), kLlmcModel);
}

// A tokenizer that is of no use does not make the model one: another can be given.
TokenizerPtr tokenizer_beside(const std::string& path, std::string& why_not) {
  const std::string file = beside(path, kTokenizerName);
  if (!exists(file)) return nullptr;
  try {
    return read_llmc_tokenizer(FileSource(file));
  } catch (const ContentError& error) {
    why_not = error.what();
    return nullptr;
  }
}

ForeignModel read(const FileOrFolder& from, Want want) {
  std::string why_not;
  const TokenizerPtr tokenizer = tokenizer_beside(from.path(), why_not);
  const std::string state = llmc_state_beside(from.path());
  ForeignModel model = read_llmc_model(from.source(), want, tokenizer, exists(state) ? state : "");
  if (!why_not.empty()) model.facts.emplace_back("tokenizer", "not used: " + why_not);
  return model;
}

// --- Writing -------------------------------------------------------------------------------------

std::vector<std::string> cannot_hold(const ModelToWrite& model) {
  return not_gpt2(model.config, {});
}

std::string header_of(const GPTConfig& c, std::int64_t padded, bool bf16) {
  std::array<std::int32_t, 256> numbers{};
  const std::int64_t said[] = {kLlmcModel,   bf16 ? kBf16Version : kF32Version,
                               c.block_size, c.vocab_size,
                               c.n_layer,    c.n_head,
                               c.n_embd,     padded};
  std::transform(std::begin(said), std::end(said), numbers.begin(),
                 [](std::int64_t n) { return static_cast<std::int32_t>(n); });
  return {reinterpret_cast<const char*>(numbers.data()), kHeaderBytes};
}

// llm.c looks for this file by its name, so there is one a folder.
std::string tokenizer_to_write(const ModelToWrite& model, const std::string& path) {
  if (!model.tokenizer) return "";
  std::string bytes = llmc_tokenizer_bytes(*model.tokenizer);
  if (exists(path) && all_bytes(FileSource(path), kMostTokenizerBytes) != bytes)
    fail(UsageError(in_quotes(path) + " holds another tokenizer than this model's, and llm.c finds "
                                      "it by that name; write to another folder."));
  return bytes;
}

std::vector<std::string> write(const ModelToWrite& model, const std::string& type,
                               const std::string& path) {
  const GPTConfig& c = model.config;
  const StoredType as = type_named(type);
  const std::int64_t padded = llmc_padded(c.vocab_size);
  std::vector<std::string> paths = {path};
  const std::string tokenizer_path = beside(path, kTokenizerName);
  const std::string tokenizer = tokenizer_to_write(model, tokenizer_path);

  const std::vector<StoredTensor> tensors = gpt2_tensors(model);
  const std::string header = header_of(c, padded, as == StoredType::bf16);
  std::int64_t parameters = 0;
  if (!count_parameters(c, padded, parameters))
    fail(UsageError("a model of this size is more than llm.c's files can say."));
  AtomicFile file(path, header.size() + static_cast<std::uint64_t>(parameters) * bytes_of(as));
  file.write(header);
  each_tensor(c, padded, [&](const std::string& name, const Array&, std::int64_t count) {
    const auto found = std::find_if(tensors.begin(), tensors.end(),
                                    [&](const StoredTensor& t) { return t.name == name; });
    const StoredTensor numbers = as_type(*found, as);
    file.write(numbers.bytes);
    file.write(
        std::string(static_cast<std::size_t>(count) * bytes_of(as) - numbers.bytes.size(), '\0'));
  });
  file.finish();
  file.publish();
  if (!tokenizer.empty()) {
    write_file(tokenizer_path, tokenizer);
    paths.push_back(tokenizer_path);
  }
  return paths;
}

Activation computes(const GPTConfig&) { return Activation::gelu; }

}   // namespace

const ForeignFormat kLlmcFormat = {"a model of llm.c", recognises, read};
const ExportTarget kLlmcTarget = {.name = "llmc",
                                  .about = "a .bin for llm.c, and its tokenizer",
                                  .types = "f32|bf16",
                                  .opened_by = "train_gpt2cu -e PATH",
                                  .cannot_hold = cannot_hold,
                                  .computes = computes,
                                  .write = write};

}   // namespace glass
