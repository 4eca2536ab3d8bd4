#include "interp/specimen.h"

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"

namespace glass {
namespace {

// Bytes that are no letter become \xNN; what one cannot see gets a sign of its own.
std::string visible(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    std::u32string letters;
    const std::size_t good = decode_utf8(bytes, letters);
    for (const char c : bytes.substr(0, good)) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '\n') out += "\\n";
      else if (c == '\t') out += "\\t";
      else if (c == ' ') out += "\u00b7";
      else if (byte < 0x20 || byte == 0x7f) out += format("\\x%02x", static_cast<unsigned>(byte));
      else
        out += c;
    }
    bytes.remove_prefix(good);
    if (bytes.empty()) break;
    out += format("\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(bytes[0])));
    bytes.remove_prefix(1);
  }
  return out;
}

}   // namespace

std::string Specimen::label(std::int32_t id) const {
  const bool known = tokenizer && id < tokenizer->vocab_size();
  const std::string text = known ? visible(tokenizer->token(id)) : "";
  return text.empty() ? "#" + std::to_string(id) : text;
}

std::vector<std::string> Specimen::labels(std::span<const std::int32_t> ids) const {
  std::vector<std::string> all;
  for (const std::int32_t id : ids) all.push_back(label(id));
  return all;
}

Tensor Specimen::row(std::span<const std::int32_t> ids) const {
  return Tensor::ids(gpt.device(), ids, {1, static_cast<std::int64_t>(ids.size())});
}

GPT& gpt_of(LanguageModel& model) {
  if (auto* gpt = dynamic_cast<GPT*>(&model)) return *gpt;
  fail(UsageError("a bigram model is one table of what follows what: there is no attention and no "
                  "stream to look into; take a checkpoint of a GPT."));
}

void begin(Json& json, const Provenance& from) {
  json.object()
      .field("command", from.command)
      .field("checkpoint", from.checkpoint)
      .field("digest", from.digest)
      .field("step", from.step)
      .field("device", from.device)
      .field("seed", from.seed);
}

}   // namespace glass
