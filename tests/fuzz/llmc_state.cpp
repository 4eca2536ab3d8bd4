// model/formats/llmc.h: what lies beside a model of a fixed size, a debug state or a training's.
#include "model/formats/llmc.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return glass::fuzz::attempt(data, size, [](const glass::ByteSource& source) {
    glass::LlmcHeader model;   // V = 3 of 4, T = 2, one layer, one head, C = 2
    model.config.vocab_size = 3, model.config.block_size = 2, model.config.n_layer = 1;
    model.config.n_head = 1, model.config.n_embd = 2;
    model.padded = 4, model.parameters = 4 * 2 + 2 * 2 + (12 * 4 + 13 * 2) + 2 * 2;
    if (glass::is_llmc(source, glass::kLlmcDebug)) glass::read_llmc_debug(source, model);
    else glass::read_llmc_state(source, model, glass::Want::everything);
  });
}
