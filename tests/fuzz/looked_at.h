// A model so small that what is kept of it is a few numbers: the specimen of the targets that read
// what analyses left in files.
#pragma once
#include <memory>

#include "interp/specimen.h"
#include "kernels/backends.h"
#include "model/language_model.h"

namespace glass::fuzz {

inline const Specimen& looked_at() {
  static const std::unique_ptr<LanguageModel> model = [] {
    GPTConfig c;
    c.vocab_size = 3, c.block_size = 4, c.n_layer = 2, c.n_head = 1, c.n_embd = 2, c.n_inner = 3;
    return make_model(c, make_reference_backend(), DType::f32, 1);
  }();
  static const Specimen specimen{
      gpt_of(*model), nullptr, {"", "a model", "0123456789abcdef", 0, 0, "reference"}};
  return specimen;
}

// What is accepted must also be possible to tell.
template <class Result>
void tell(const Result& result) {
  page_text(page_of(result), {80, PageTextOptions::Colour::none});
  Json json;
  json.object();
  put(json, result);
  json.end();
}

}   // namespace glass::fuzz
