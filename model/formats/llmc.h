// The files of llm.c: 256 whole numbers of 32 bits, of which the first says what the file is, then
// arrays one after the other, in an order that everybody knows, without names. Little-endian.
//
//   model      20240326   weights, f32 (version 3) or bf16 (version 5)
//   debug      20240327   a batch, and what PyTorch computed for it: logits, loss, gradients
//   tokenizer  20240328   the bytes of every token
//   tokens     20240520   a text as ids (model/tokens.h)
//   state      20240527   where training was: step, moments of AdamW
//
// No array says how long it is, so the header and the size of the file must agree to the byte.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/byte_source.h"
#include "model/config.h"
#include "model/formats/export.h"
#include "model/formats/foreign.h"
#include "model/tokenizer/tokenizer.h"

namespace glass {

inline constexpr std::int32_t kLlmcModel = 20240326, kLlmcDebug = 20240327;
inline constexpr std::int32_t kLlmcTokenizer = 20240328, kLlmcState = 20240527;
bool is_llmc(const ByteSource& source, std::int32_t magic);   // does it begin with this number?

// The first 1024 bytes. ContentError where the file is shorter, or has another magic number.
std::array<std::int32_t, 256> read_llmc_numbers(const ByteSource& source, std::int32_t magic);

// --- Models --------------------------------------------------------------------------------------

struct LlmcHeader {
  GPTConfig config;
  std::int64_t padded = 0;       // rows of the embedding
  std::int64_t parameters = 0;   // with the padding
  bool bf16 = false;
};
LlmcHeader read_llmc_header(const ByteSource& source);
// What the header of a model of this config says, as llm.c pads it. ContentError for a model that
// llm.c does not know.
LlmcHeader llmc_header_for(const GPTConfig& config, const std::string& what);

std::int64_t llmc_padded(std::int64_t vocab_size);   // to a multiple of 128

// All parameters from byte `at` on, in f32, under our names behind this prefix; without the
// padding.
std::vector<StoredTensor> read_llmc_parameters(const ByteSource& source, std::uint64_t at,
                                               const LlmcHeader& header, StoredType type,
                                               const std::string& prefix = "");

// A model. What its tokens mean says gpt2_tokenizer.bin, and where training was the state of the
// same step, where they lie beside it.
ForeignModel read_llmc_model(const ByteSource& source, Want want, const TokenizerPtr& tokenizer,
                             const std::string& state);   // its path; "": there is none

extern const ForeignFormat kLlmcFormat;
extern const ExportTarget kLlmcTarget;

// --- What lies beside a model --------------------------------------------------------------------

// llm.c's test: inputs x and targets y (B,T), and what PyTorch computed for them.
struct LlmcDebug {
  std::int64_t B = 0, T = 0;
  std::vector<std::int32_t> x, y;
  StoredTensor logits;   // (B,T,V)
  float loss = 0;
  std::vector<StoredTensor> gradients;   // under our names
};
LlmcDebug read_llmc_debug(const ByteSource& source, const LlmcHeader& header);
// What its header alone says.
std::pair<std::int64_t, std::int64_t> read_llmc_debug_size(const ByteSource& source);   // B, T

struct LlmcState {
  std::int64_t step = 0;               // steps of training that were made
  std::vector<StoredTensor> tensors;   // optim.m.*, optim.v.*
  std::vector<StoredTensor> masters;   // weights in f32, where the model has bf16
};
LlmcState read_llmc_state(const ByteSource& source, const LlmcHeader& header, Want want);
// "log/model_00000100.bin" -> "log/state_00000100_00000.bin"; "" for other names.
std::string llmc_state_beside(const std::string& model);

TokenizerPtr read_llmc_tokenizer(const ByteSource& source);
// The bytes of the file. ContentError for a tokenizer whose tokens are not GPT-2's kind.
std::string llmc_tokenizer_bytes(const Tokenizer& tokenizer);

}   // namespace glass
