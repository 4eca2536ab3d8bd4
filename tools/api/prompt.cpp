#include "tools/api/prompt.h"

#include "engine/base/text.h"
#include "engine/ops.h"

namespace glass {
namespace {

std::vector<std::int32_t> said_tokens(const Call& call, const Opened& opened) {
  if (call.has("prompt") == call.has("tokens"))
    throw bad_value("give either \"prompt\" (a text) or \"tokens\" (a list of ids)");
  if (call.has("prompt")) return encoded(opened, call.text("prompt"));
  const std::vector<std::int64_t> ids = call.integers("tokens", 0, opened.config().vocab_size - 1);
  return {ids.begin(), ids.end()};
}

}   // namespace

std::vector<std::int32_t> encoded(const Opened& opened, const std::string& text) {
  const Tokenizer& tokenizer = opened.tokenizer();
  try {
    return tokenizer.encode(text);
  } catch (const ContentError& error) { throw bad_value(error.what()); }
}

std::vector<std::int32_t> tokens_asked(const Call& call, const Opened& opened) {
  std::vector<std::int32_t> ids = said_tokens(call, opened);
  if (ids.empty()) throw bad_value("there is nothing to read; give the model one token at least");
  const std::int64_t T = static_cast<std::int64_t>(ids.size()), most = opened.config().block_size;
  if (T > most)
    throw bad_value("the text has " + with_commas(T) + " tokens, and this model reads " +
                    with_commas(most) + " at most");
  return ids;
}

std::vector<std::string> texts_of(const Opened& opened, const std::vector<std::int32_t>& ids) {
  std::vector<std::string> texts;
  for (const std::int32_t id : ids) texts.push_back(text_of(opened, id));
  return texts;
}

Tensor logits_of(const Opened& opened, const std::vector<std::int32_t>& ids) {
  const std::int64_t T = static_cast<std::int64_t>(ids.size());
  Pass pass;
  const Tensor row = Tensor::ids(opened.model().device(), ids, {1, T});
  return reshape(opened.model().logits(pass, row), {T, opened.config().vocab_size});
}

void put(Json& json, const Opened& opened, const std::vector<Guess>& guesses) {
  json.array();
  for (const Guess& guess : guesses) {
    json.object().field("id", guess.id).field("text", text_of(opened, guess.id));
    json.field("prob", guess.probability).end();
  }
  json.end();
}

}   // namespace glass
