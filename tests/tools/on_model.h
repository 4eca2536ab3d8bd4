// A small untrained model in a folder, and the commands that use one driven from outside: what they
// print, and how they refuse what is wrong with a command line or a file.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "engine/base/json_value.h"
#include "engine/base/text.h"
#include "kernels/backends.h"
#include "model/formats/npy.h"
#include "model/saved_model.h"
#include "tests/tools/process.h"

namespace glass::test {

inline GPTConfig tiny_config() {
  GPTConfig c = preset("char-small");
  c.vocab_size = 27, c.block_size = 8, c.n_layer = 1, c.n_head = 2, c.n_embd = 8;
  c.init_std = 0.5;   // so that the model has opinions
  return c;
}

inline std::unique_ptr<LanguageModel> tiny_model() {
  return make_model(tiny_config(), make_reference_backend(), DType::f32, 5);
}

// A folder with a small untrained model in it, model.safetensors, and a text to try it on.
class SmallPlace {
 public:
  SmallPlace() : text("anna\nbert\nclara\n") {
    names = folder.write("names.txt", text);
    const std::string_view documents[] = {"\nabcdefghijklmnopqrstuvwxyz"};
    tokenizer = make_tokenizer("char", documents[0], "the alphabet");
    ckpt = folder / "model.safetensors";
    save(ckpt, tiny_config());
  }
  enum class Meaning : bool { unknown, known };   // of its tokens
  void save(const std::string& path, const GPTConfig& written,
            Meaning meaning = Meaning::known, int step = 7) const {
    const auto model = tiny_model();
    Checkpoint checkpoint;
    for (const Parameter* p : model->parameters())
      checkpoint.tensors.push_back(stored(p->name, p->value));
    checkpoint.notes = {{"format", "glass"},
                        {"glass.config", fields_to_json(written)},
                        {"glass.step", std::to_string(step)},
                        {"glass.tokenizer", tokenizer->to_json()}};
    if (meaning == Meaning::unknown) checkpoint.notes.erase("glass.tokenizer");
    save_checkpoint(path, checkpoint);
  }
  std::string array(const std::string& name, const std::vector<std::int64_t>& shape,
                    const std::vector<std::int32_t>& values) const {
    save_npy(folder / name,
             {"", StoredType::i32, shape, std::as_bytes(std::span(values.data(), values.size()))});
    return folder / name;
  }

  Scratch folder;
  std::string text, names, ckpt;
  TokenizerPtr tokenizer;
};

inline const SmallPlace& place() {
  static const SmallPlace one;
  return one;
}

inline Outcome on_model(std::vector<std::string> words, const Launch& launch = {}) {
  words.insert(words.begin() + 1, {"--ckpt", place().ckpt});
  return glass(words, launch);
}

inline JsonValue json_of(const Outcome& outcome) {
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  return parse_json(outcome.out, "stdout");
}

inline std::vector<std::int32_t> tokens_in(const JsonValue& value) {
  std::vector<std::int32_t> out;
  for (const JsonValue& item : value.items)
    out.push_back(static_cast<std::int32_t>(item.integer("token", 0, 1 << 20)));
  return out;
}

struct RefusedLine {
  std::vector<std::string> words;
  ExitCode code;
  std::string part;   // of the one line on stderr
};

inline void expect_refusal(const RefusedLine& row, const Outcome& outcome) {
  SCOPED_TRACE("glass " + in_quotes(join(row.words, " "), 200));
  EXPECT_EQ(outcome.code, static_cast<int>(row.code)) << outcome.text();
  EXPECT_EQ(outcome.out, "") << "a refused command must not print results";
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.text();
  EXPECT_EQ(outcome.err.substr(0, 7), "error: ") << outcome.text();
  EXPECT_THAT(outcome.err, testing::HasSubstr(row.part));
  EXPECT_LT(outcome.err.size(), 600u) << "one short line";
}

inline constexpr ExitCode kUsage = ExitCode::usage, kContent = ExitCode::content,
                          kSystem = ExitCode::system;

}   // namespace glass::test
