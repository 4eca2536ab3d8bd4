#include "tools/train_samples.h"

#include <algorithm>
#include <memory>

#include "engine/base/text.h"
#include "model/generate.h"
#include "model/text_stream.h"
#include "tools/new_lines.h"

namespace glass {
namespace {

constexpr std::int64_t kDocuments = 20,
                       kLongestDocument = 64;   // of a list of short documents, as names
constexpr std::int64_t kTextTokens = 300;
constexpr std::int64_t kMostToCompare = 50'000'000;   // tokens that are turned into text at once

// A list of documents so short that one sees at a glance what they are.
bool is_list_of_lines(const Dataset& data) {
  return data.train_documents > 0 && data.separator == "\n" &&
         data.train.size() / data.train_documents < kLongestDocument;
}

std::string training_text(const Dataset& data) {
  std::vector<std::int32_t> ids(static_cast<std::size_t>(data.train.size()));
  data.train.copy(0, ids);
  return data.tokenizer->decode(ids);
}

std::string written(const Dataset& data, std::span<const std::int32_t> ids) {
  TextStream text;
  const std::string bytes = data.tokenizer->decode(ids);
  const std::string shown = text.push(bytes);
  return shown + text.finish();
}

// What the model reads before it writes: the prompt, or what stands between documents, or the end
// of a line.
std::vector<std::int32_t> start(const Dataset& data, const std::string& prompt,
                                const GPTConfig& config) {
  std::vector<std::int32_t> ids;
  if (!prompt.empty()) ids = data.tokenizer->encode(prompt);
  if (!ids.empty()) return ids;
  if (data.tokenizer->end_of_text() >= 0) return {data.tokenizer->end_of_text()};
  // The token that a text most naturally begins after is the one that ends a line; else any will
  // do.
  for (int id = 0; id < std::min<std::int64_t>(data.vocab_size, config.vocab_size); ++id) {
    if (data.tokenizer->token(id) == "\n") return {id};
  }
  return {0};
}

SamplerOptions options_of(const Dataset& data, const TrainConfig& config, std::int64_t step) {
  SamplerOptions options;
  options.known = data.tokenizer->vocab_size();
  options.seed = static_cast<std::uint64_t>(config.seed + step);
  return options;
}

std::string one_text(LanguageModel& model, const Dataset& data, const TrainConfig& config,
                     std::int64_t step) {
  Generator generator(model, start(data, config.prompt, model.config()));
  return config.prompt +
         written(data, generator.sample(0, kTextTokens, options_of(data, config, step)));
}

std::vector<std::string> documents(LanguageModel& model, const Dataset& data,
                                   const TrainConfig& config, std::int64_t count,
                                   std::int64_t step) {
  const std::int32_t end = data.tokenizer->encode(data.separator).back();
  std::vector<std::int32_t> begin = {end};
  if (!config.prompt.empty()) {
    const std::vector<std::int32_t> prompt = data.tokenizer->encode(config.prompt);
    begin.insert(begin.end(), prompt.begin(), prompt.end());
  }
  Generator generator(model, begin);
  std::vector<std::string> all;
  for (std::int64_t i = 0; i < count; ++i) {
    std::vector<std::int32_t> ids =
        generator.sample(i, kLongestDocument, options_of(data, config, step),
                         [&](std::int32_t id) { return id != end; });
    if (!ids.empty() && ids.back() == end) ids.pop_back();
    all.push_back(config.prompt + written(data, ids));
  }
  return all;
}

// Of sequences that repeat: the first copy and one token of the second, and after a bar what the
// model says to that.
std::vector<std::string> second_copies(LanguageModel& model, const Dataset& data,
                                       const TrainConfig& config, std::int64_t step) {
  constexpr std::int64_t kShown = 3;
  const std::int64_t T = model.config().block_size;
  const std::unique_ptr<Samples> samples = samples_of(data, Split::val, kShown, T, 0);
  std::vector<std::int32_t> inputs(static_cast<std::size_t>(kShown * T)), targets(inputs.size());
  samples->fill(0, inputs, targets);
  const auto known =   // the first place where the next token can be known
      std::find_if(targets.begin(), targets.end(), [](std::int32_t t) { return t != kIgnore; }) -
      targets.begin();
  std::vector<std::string> all;
  SamplerOptions likeliest = options_of(data, config, step);
  likeliest.temperature = 0;
  for (std::int64_t i = 0; i < kShown; ++i) {
    const auto begin = inputs.begin() + i * T;
    const std::vector<std::int32_t> read(begin, begin + known + 1);
    Generator generator(model, read);
    const std::vector<std::int32_t> said = generator.sample(i, known - 1, likeliest);
    all.push_back(written(data, std::span(read).subspan(1)) + " | " + written(data, said));
  }
  return all;
}

}   // namespace

std::string SampleReport::text() const { return join(lines, "\n"); }

SampleReport sample_report(LanguageModel& model, const Dataset& data, const TrainConfig& config) {
  SampleReport report;
  if (!data.tokenizer) return report;
  if (data.made && config.prompt.empty()) {
    report.lines = second_copies(model, data, config, 0);
    return report;
  }
  if (!is_list_of_lines(data)) {
    report.lines.push_back(one_text(model, data, config, 0));
    return report;
  }
  report.lines = documents(model, data, config, kDocuments, 0);
  if (data.train.size() > kMostToCompare) return report;
  const NewLines made_up = new_lines(report.lines, training_text(data));
  report.known = made_up.lines - static_cast<std::int64_t>(made_up.fresh.size());
  return report;
}

std::string running_sample(LanguageModel& model, const Dataset& data, const TrainConfig& config,
                           std::int64_t step) {
  if (!data.tokenizer) return "";
  if (data.made && config.prompt.empty())
    return join(second_copies(model, data, config, step), "\n");
  return is_list_of_lines(data) ? join(documents(model, data, config, 5, step), "\n")
                                : one_text(model, data, config, step);
}

}   // namespace glass
