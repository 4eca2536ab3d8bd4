#include "interp/change/contrast.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <span>

#include "engine/base/error.h"
#include "engine/base/files.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"
#include "engine/random.h"
#include "model/permutation.h"

namespace glass {
namespace {

constexpr std::int64_t kTokensOfACopy = 30, kQuestion = 10;   // x0 .. x29, and k
constexpr double kLeastDifference = 1e-3;   // of the answers, in deviations of the logits

Tensor rows(const Specimen& specimen, const Task& task,
            std::vector<std::int32_t> Contrast::*which) {
  std::vector<std::int32_t> all;
  for (const Contrast& pair : task.pairs)
    all.insert(all.end(), (pair.*which).begin(), (pair.*which).end());
  return Tensor::ids(specimen.gpt.device(), all, {task.B(), task.T()});
}

double deviation(const std::vector<double>& x) {
  double sum = 0, squares = 0;
  for (const double v : x) sum += v, squares += v * v;
  const double n = static_cast<double>(x.size());
  return std::sqrt(std::max(0.0, squares / n - sum * sum / (n * n)));
}

}   // namespace

Tensor clean_ids(const Specimen& s, const Task& task) { return rows(s, task, &Contrast::clean); }
Tensor corrupt_ids(const Specimen& s, const Task& task) {
  return rows(s, task, &Contrast::corrupt);
}

void check_texts(const Specimen& specimen, const Contrast& pair, const std::string& where) {
  const GPTConfig& c = specimen.config();
  const std::int64_t T = static_cast<std::int64_t>(pair.clean.size());
  if (pair.clean.empty()) fail(UsageError(where + "the clean text is empty."));
  if (pair.clean.size() != pair.corrupt.size())
    fail(UsageError(where + "the clean text has " + std::to_string(pair.clean.size()) +
                    " tokens and the corrupt one " + std::to_string(pair.corrupt.size()) +
                    "; what stands at a position of the one is put into the same position of the "
                    "other, so they must be equally long."));
  if (pair.clean == pair.corrupt)
    fail(UsageError(where + "the clean and the corrupt text are the same; change a token of one."));
  if (T > c.block_size)
    fail(UsageError(where + "the texts have " + with_commas(T) + " tokens, and this model reads " +
                    with_commas(c.block_size) + " at most."));
}

void check(const Specimen& specimen, const Contrast& pair, const std::string& where) {
  check_texts(specimen, pair, where);
  const GPTConfig& c = specimen.config();
  for (const auto& [name, id] : {std::pair("target", pair.target), std::pair("foil", pair.foil)})
    if (id < 0 || id >= c.vocab_size)
      fail(UsageError(where + "the " + name + " " + std::to_string(id) +
                      " is no token of this "
                      "model; it has 0 .. " +
                      std::to_string(c.vocab_size - 1) + "."));
  if (pair.target == pair.foil)
    fail(UsageError(where + "target and foil are the same token; the answer is the difference of "
                            "their logits."));
}

// ---- where pairs come from ----------------------------------------------------------------------

Task induction_task(const Specimen& specimen, int pairs, std::uint64_t seed) {
  const GPTConfig& c = specimen.config();
  const std::int32_t first = specimen.first_token();
  const std::int64_t front = first >= 0 ? 1 : 0;
  std::int64_t V = c.vocab_size;   // a table may have more rows than there are tokens
  if (specimen.tokenizer) V = std::min<std::int64_t>(V, specimen.tokenizer->vocab_size());
  std::vector<std::int32_t> usable;   // token 0 begins documents in most vocabularies
  for (std::int32_t id = 1; id < V; ++id)
    if (id != first) usable.push_back(id);
  const std::int64_t spare = static_cast<std::int64_t>(usable.size()) - 1;
  const std::int64_t N = std::min({kTokensOfACopy, spare, (c.block_size - front) * 2 / 3});
  const std::int64_t k = std::min({kQuestion, N / 2, c.block_size - front - N - 1});
  if (k < 1 || k + 2 >= N)
    fail(UsageError("a context of " + std::to_string(c.block_size) + " and " + std::to_string(V) +
                    " tokens leave no room for a repeat; give --clean and --corrupt."));
  Task task{"induction", {}};
  for (int i = 0; i < pairs; ++i) {
    const Permutation order(spare + 1, seed, site("interp", "contrast"),
                            static_cast<std::uint32_t>(i));
    const auto x = [&](std::int64_t n) { return usable[static_cast<std::size_t>(order(n))]; };
    Contrast pair;
    if (front > 0) pair.clean.push_back(first);
    for (std::int64_t n = 0; n < N; ++n) pair.clean.push_back(x(n));
    for (std::int64_t n = 0; n <= k; ++n) pair.clean.push_back(x(n));
    pair.corrupt = pair.clean;
    pair.corrupt[static_cast<std::size_t>(front + k)] = x(N);   // an unused one
    pair.target = x(k + 1), pair.foil = x(k + 2);
    task.pairs.push_back(std::move(pair));
  }
  return task;
}

std::int32_t one_token(const Specimen& specimen, const std::string& text, const std::string& what) {
  std::int64_t id = -1;
  if (text.size() > 1 && text[0] == '#' &&
      parse_integer(std::string_view(text).substr(1), id) == NumberFault::none) {
    if (id < 0 || id >= specimen.config().vocab_size)
      fail(UsageError(what + " " + text + " is no token of this model; it has #0 .. #" +
                      std::to_string(specimen.config().vocab_size - 1) + "."));
    return static_cast<std::int32_t>(id);
  }
  if (!specimen.tokenizer)
    fail(UsageError(what + " " + in_quotes(text) +
                    ": nobody knows what the tokens of this model mean; say #17, or --tokenizer."));
  const std::vector<std::int32_t> ids = specimen.tokenizer->encode_special(text);
  if (ids.size() == 1) return ids[0];
  fail(UsageError(what + " " + in_quotes(text) + " is " + std::to_string(ids.size()) + " tokens" +
                  (ids.empty() ? "" : ", " + join(specimen.labels(ids), " ")) +
                  "; it must be one, often with the space that stands before it."));
}

Task read_task(const Specimen& specimen, const std::string& path) {
  Task task{path, {}};
  const std::vector<std::string> lines = split(read_text_file(path, "the task"), '\n');
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::string line = lines[i];
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || line[0] == '#') continue;
    const std::string where = path + ", line " + std::to_string(i + 1) + ": ";
    const std::vector<std::string> parts = split(line, '\t');
    if (parts.size() != 4)
      fail(ContentError(where + "a line is clean, corrupt, target and foil with tabs between them; "
                                "this one has " +
                        std::to_string(parts.size()) + " of these four."));
    if (!specimen.tokenizer)
      fail(UsageError(where + "nobody knows what the tokens of this model mean; name its tokenizer "
                              "with --tokenizer."));
    Contrast pair{specimen.tokenizer->encode_special(parts[0]),
                  specimen.tokenizer->encode_special(parts[1]), -1, -1};
    try {
      pair.target = one_token(specimen, parts[2], "the target");
      pair.foil = one_token(specimen, parts[3], "the foil");
      check(specimen, pair, "");
    } catch (const UsageError& error) { fail(ContentError(where + error.what())); }
    task.pairs.push_back(std::move(pair));
    if (task.pairs.back().clean.size() != task.pairs.front().clean.size())
      fail(ContentError(where + "its texts have " + std::to_string(task.pairs.back().clean.size()) +
                        " tokens, those of the first pair " + std::to_string(task.T()) +
                        "; all pairs of a task must be equally long."));
  }
  if (task.pairs.empty())
    fail(ContentError(path +
                      " has no pair of texts; a line is clean, corrupt, target and foil with "
                      "tabs between them."));
  return task;
}

void ask_model(const Specimen& specimen, Contrast& pair) {
  const auto order = [&](const std::vector<std::int32_t>& text) {
    Pass pass;
    const std::vector<double> logits =
        specimen.gpt.logits(pass, specimen.row(text), Positions::last).to_host();
    return static_cast<std::int32_t>(std::max_element(logits.begin(), logits.end()) -
                                     logits.begin());
  };
  const bool both_named = pair.target >= 0 && pair.foil >= 0;
  if (pair.target < 0) pair.target = order(pair.clean);
  if (pair.foil < 0) pair.foil = order(pair.corrupt);
  if (pair.target == pair.foil && both_named)
    fail(UsageError("the target and the foil are the same token; name two."));
  if (pair.target == pair.foil)
    fail(UsageError("the model says " + in_quotes(specimen.label(pair.target)) +
                    " to both texts; name a --target and a --foil that tell them apart."));
}

// ---- the answer ---------------------------------------------------------------------------------

Tensor logit_difference(const Tensor& logits, const Task& task) {
  const std::int64_t R = logits.dim(0), V = logits.dim(2);
  if (logits.dim(1) != 1 || R % task.B() != 0)
    fail(ShapeError("the answer is read off the last position of whole cells, not off logits " +
                    str(logits.shape())));
  std::vector<std::int32_t> targets, foils;
  for (std::int64_t r = 0; r < R; ++r) {
    const Contrast& pair = task.pairs[static_cast<std::size_t>(r % task.B())];
    targets.push_back(static_cast<std::int32_t>(r * V) + pair.target);
    foils.push_back(static_cast<std::int32_t>(r * V) + pair.foil);
  }
  const Tensor flat = reshape(logits, {R * V, 1});
  const auto pick = [&](const std::vector<std::int32_t>& ids) {
    return reshape(embedding(flat, Tensor::ids(logits.device(), ids, {R})), {R});
  };
  return pick(targets) - pick(foils);
}

std::vector<double> answers(const Tensor& logits, const Task& task) {
  const std::vector<double> all = logit_difference(logits, task).to_host();
  const std::size_t B = static_cast<std::size_t>(task.B());
  std::vector<double> means;
  for (std::size_t i = 0; i < all.size(); i += B) {
    double sum = 0;
    for (std::size_t b = 0; b < B; ++b) sum += all[i + b];
    means.push_back(sum / static_cast<double>(B));
  }
  return means;
}

TwoRuns run_both(const Specimen& specimen, const Task& task, std::vector<std::string> patterns) {
  patterns.emplace_back("logits");
  TwoRuns runs{look(specimen.gpt, clean_ids(specimen, task), patterns, Positions::last),
               look(specimen.gpt, corrupt_ids(specimen, task), patterns, Positions::last), 0, 0};
  runs.metric_clean = answers(runs.clean["logits"], task)[0];
  runs.metric_corrupt = answers(runs.corrupt["logits"], task)[0];
  const double scale = deviation(runs.clean["logits"].to_host());
  const double apart = std::abs(runs.metric_clean - runs.metric_corrupt);
  if (!(apart >= kLeastDifference * std::max(scale, 1e-6)))
    fail(
        UsageError(format("the model answers both texts alike: logit[target] - logit[foil] is %.4g "
                          "for the clean one and %.4g for the corrupt one, so there is nothing to "
                          "bring back; choose texts or tokens that it tells apart.",
                          runs.metric_clean, runs.metric_corrupt)));
  return runs;
}

// ---- telling ------------------------------------------------------------------------------------

namespace {

// The text that these tokens are read from.
std::optional<std::string> text_of(const Tokenizer& tokenizer, std::span<const std::int32_t> ids) {
  std::string text;
  for (const std::int32_t id : ids) {
    if (id >= tokenizer.vocab_size()) return {};
    text += tokenizer.token(id);
  }
  std::u32string letters;
  if (decode_utf8(text, letters) < text.size()) return {};
  try {
    const std::vector<std::int32_t> again = tokenizer.encode_special(text);
    const bool same = std::equal(again.begin(), again.end(), ids.begin(), ids.end());
    return same ? std::optional(text) : std::nullopt;
  } catch (const ContentError&) { return {}; }
}

std::optional<Question::Typed> typed(const Specimen& specimen, const Contrast& pair) {
  if (!specimen.tokenizer) return {};
  const auto clean = text_of(*specimen.tokenizer, pair.clean);
  const auto corrupt = text_of(*specimen.tokenizer, pair.corrupt);
  if (!clean || !corrupt) return {};
  const auto token = [&](std::int32_t id) {
    return text_of(*specimen.tokenizer, std::span(&id, 1)).value_or("#" + std::to_string(id));
  };
  return Question::Typed{*clean, *corrupt, token(pair.target), token(pair.foil)};
}

}   // namespace

Question question_of(const Specimen& specimen, const Task& task, double metric_clean,
                     double metric_corrupt) {
  const Contrast& first = task.pairs.front();
  return {specimen.labels(first.clean),
          specimen.labels(first.corrupt),
          specimen.label(first.target),
          specimen.label(first.foil),
          task.B(),
          metric_clean,
          metric_corrupt,
          typed(specimen, first)};
}

void put(Json& json, const Question& q) {
  json.field("clean", q.clean)
      .field("corrupt", q.corrupt)
      .field("target", q.target)
      .field("foil", q.foil)
      .field("pairs", q.pairs)
      .field("metric_clean", q.metric_clean)
      .field("metric_corrupt", q.metric_corrupt);
  if (!q.typed) return;
  json.key("typed").object().field("clean", q.typed->clean).field("corrupt", q.typed->corrupt);
  json.field("target", q.typed->target).field("foil", q.typed->foil).end();
}

std::string answer_in_words(const Question& q) {
  if (q.pairs == 1)
    return format(
        "The answer is logit[%s] - logit[%s]: %.3f behind the clean text, %.3f behind the corrupt "
        "one. ",
        q.target.c_str(), q.foil.c_str(), q.metric_clean, q.metric_corrupt);
  return format(
      "The answer is logit[target] - logit[foil], as a mean over %lld pairs of texts: %.3f behind "
      "the clean ones, %.3f behind the corrupt ones. ",
      static_cast<long long>(q.pairs), q.metric_clean, q.metric_corrupt);
}

std::string doubt_about(const Question& q) {
  const double apart = q.metric_clean - q.metric_corrupt;
  if (q.metric_clean <= 0)
    return format(
        "The model does not give the clean answer: behind the clean text it prefers the "
        "foil. The shares below are of a difference of %.3g logits, and explain nothing that it "
        "can do.",
        std::abs(apart));
  if (apart < 0)
    return "The corrupt text speaks for the target more than the clean one does: perhaps the two "
           "were exchanged.";
  if (apart < 0.05 * q.metric_clean)
    return format(
        "The two answers lie close together: the shares below are of a difference of %.3g logits, "
        "and say little about what makes the clean answer.",
        apart);
  return "";
}

}   // namespace glass
