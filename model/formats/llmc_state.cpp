// What llm.c writes beside a model: what PyTorch computed for one batch, and where training was.
#include <tuple>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "model/formats/elements.h"
#include "model/formats/llmc.h"

namespace glass {
namespace {

constexpr std::uint64_t kHeaderBytes = 1024;

[[noreturn]] void refuse(const ByteSource& source, const std::string& reason) {
  fail(ContentError(source.name() + " is no sound file of llm.c: " + reason + "."));
}

std::vector<std::int32_t> read_ids(const ByteSource& source, std::uint64_t at, std::int64_t count,
                                   std::int64_t vocab_size) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(count));
  source.read(at, std::as_writable_bytes(std::span(ids)));
  for (std::size_t i = 0; i < ids.size(); ++i)
    if (ids[i] < 0 || ids[i] >= vocab_size)
      refuse(source, "token " + std::to_string(ids[i]) + " at byte " + std::to_string(at + 4 * i) +
                         " is none of the model's " + std::to_string(vocab_size));
  return ids;
}

}   // namespace

// --- Debug state: x, y, logits (B,T,V), loss, gradients ------------------------------------------

std::pair<std::int64_t, std::int64_t> read_llmc_debug_size(const ByteSource& source) {
  const auto numbers = read_llmc_numbers(source, kLlmcDebug);
  if (numbers[1] != 2)
    refuse(source, "its version is " + std::to_string(numbers[1]) + "; 2 is read");
  const std::int64_t B = numbers[2], T = numbers[3];
  // A token has an input, a target and at least one logit.
  if (B < 1 || T < 1 || B > static_cast<std::int64_t>(source.size()) / 12 / T)
    refuse(source, "it promises " + std::to_string(B) + " rows of " + std::to_string(T) +
                       " tokens, and has " + std::to_string(source.size()) + " bytes");
  return {B, T};
}

LlmcDebug read_llmc_debug(const ByteSource& source, const LlmcHeader& header) {
  LlmcDebug debug;
  std::tie(debug.B, debug.T) = read_llmc_debug_size(source);
  const std::int64_t tokens = debug.B * debug.T, V = header.config.vocab_size;
  std::int64_t logits = 0;
  const bool fits = !__builtin_mul_overflow(tokens, V, &logits) && logits < std::int64_t{1} << 40;
  const std::int64_t numbers = 2 * tokens + (fits ? logits : 0) + 1 + header.parameters;
  if (!fits || source.size() - kHeaderBytes != 4 * static_cast<std::uint64_t>(numbers))
    refuse(source, "it has " + std::to_string(source.size() - kHeaderBytes) +
                       " bytes behind its header; " + std::to_string(debug.B) + " rows of " +
                       std::to_string(debug.T) + " tokens and a model with " + std::to_string(V) +
                       " tokens and " + std::to_string(header.parameters) +
                       " parameters need another number");
  std::uint64_t at = kHeaderBytes;
  const auto past = [&](std::int64_t count) { return at += 4 * static_cast<std::uint64_t>(count); };
  debug.x = read_ids(source, at, tokens, V);
  debug.y = read_ids(source, past(tokens), tokens, V);
  const OwnedBytes bytes = allocate_bytes(static_cast<std::size_t>(logits) * sizeof(float));
  source.read(past(tokens), bytes.span());
  debug.logits = {"logits", StoredType::f32, {debug.B, debug.T, V}, bytes.span(), bytes.data};
  source.read(past(logits), std::as_writable_bytes(std::span(&debug.loss, 1)));
  debug.gradients = read_llmc_parameters(source, past(1), header, StoredType::f32);
  return debug;
}

// --- Where training was --------------------------------------------------------------------------

// Of one process: what several trained together is cut into pieces, a file each.
LlmcState read_llmc_state(const ByteSource& source, const LlmcHeader& header, Want want) {
  const auto numbers = read_llmc_numbers(source, kLlmcState);
  if (numbers[1] != 1)
    refuse(source, "its version is " + std::to_string(numbers[1]) + "; 1 is read");
  if (numbers[2] != 1)
    refuse(source, "it is a piece of what " + std::to_string(numbers[2]) +
                       " processes trained together; the state of one process is read");
  if (numbers[10] < 0) refuse(source, "its step is " + std::to_string(numbers[10]));
  const bool masters = numbers[4] != 0, shuffled = numbers[5] != 0;
  const std::uint64_t part = 4 * static_cast<std::uint64_t>(header.parameters);
  const std::uint64_t all = kHeaderBytes + part * (masters ? 3 : 2);
  // Behind the moments stands the order of shuffled data, which means nothing here.
  if (source.size() < all || (source.size() > all && !shuffled))
    refuse(source, "it has " + std::to_string(source.size()) + " bytes; the moments of " +
                       std::to_string(header.parameters) + " parameters end at byte " +
                       std::to_string(all));
  LlmcState state;
  state.step = numbers[10];
  if (want == Want::description) return state;
  for (const char* moment : {"optim.m.", "optim.v."}) {
    const std::uint64_t at = kHeaderBytes + (moment[6] == 'v' ? part : 0);
    for (StoredTensor& tensor : read_llmc_parameters(source, at, header, StoredType::f32, moment))
      state.tensors.push_back(std::move(tensor));
  }
  if (masters)
    state.masters = read_llmc_parameters(source, kHeaderBytes + 2 * part, header, StoredType::f32);
  return state;
}

// A name of llm.c's own: model_, eight digits, .bin.
std::string llmc_state_beside(const std::string& model) {
  const std::size_t slash = model.find_last_of('/');
  const std::size_t begin = slash == std::string::npos ? 0 : slash + 1;
  const std::string name = model.substr(begin);
  const bool fits = name.size() == 18 && name.starts_with("model_") && name.ends_with(".bin") &&
                    name.find_first_not_of("0123456789", 6) == 14;
  return fits ? model.substr(0, begin) + "state_" + name.substr(6, 8) + "_00000.bin" : "";
}

}   // namespace glass
