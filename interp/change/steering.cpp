#include "interp/change/steering.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "engine/base/error.h"
#include "engine/base/text.h"
#include "interp/activations.h"
#include "interp/read/readout.h"

namespace glass {
namespace {

double length_of(std::span<const double> x) {
  double squares = 0;
  for (const double v : x) squares += v * v;
  return std::sqrt(squares);
}

// The last row of an activation (1,T,d).
std::vector<double> last_of(const Tensor& x) {
  const std::int64_t T = x.dim(1);
  return slice(x, 1, T - 1, T).to_host();
}

// The one place that a name stands for.
std::string one_place(const Specimen& specimen, const std::string& name) {
  const std::vector<std::string> all = places_like(specimen.gpt, name);
  if (all.size() != 1)
    fail(UsageError(in_quotes(name) + " stands for several places; a direction is added at one."));
  return all[0];
}

// One text that is written: how much of the direction is added, and which dice are thrown.
struct Row {
  double strength = 0;
  int sample = 0;
};

std::vector<double> strengths_of(std::span<const Row> rows) {
  std::vector<double> strengths;
  for (const Row& row : rows) strengths.push_back(row.strength);
  return strengths;
}

// Rows of text that grow together as one batch, each with its own strength. Each step reads the new
// tokens only. When the context is full the window slides as in model/generate.h.
class Writer {
 public:
  Writer(const Specimen& specimen, std::span<const std::int32_t> prompt,
         const SteeringVector& direction, std::span<const Row> rows, std::int64_t tokens,
         Reuse reuse)
      : specimen_(specimen),
        steering_(specimen, direction, strengths_of(rows)),
        texts_(rows.size(), {prompt.begin(), prompt.end()}) {
    const std::int64_t B = static_cast<std::int64_t>(rows.size());
    const GPTConfig& c = specimen.config();
    const std::int64_t longest = static_cast<std::int64_t>(prompt.size()) + tokens;
    if (reuse == Reuse::keys_and_values)
      cache_.emplace(c, specimen.gpt.device(), specimen.gpt.products(), B,
                     std::min(c.block_size, longest));
  }

  // Logits of what comes next, row after row.
  std::vector<std::vector<double>> next() {
    const std::int64_t T = static_cast<std::int64_t>(texts_[0].size());
    const bool keeps = cache_ && T <= cache_->capacity();
    const std::int64_t unread =
        keeps ? T - cache_->length() : std::min(T, specimen_.config().block_size);
    std::vector<std::int32_t> ids;
    for (const auto& text : texts_) ids.insert(ids.end(), text.end() - unread, text.end());
    const std::int64_t B = static_cast<std::int64_t>(texts_.size());
    Pass pass(nullptr, &steering_.hooks());
    if (keeps) pass.cache = &*cache_;
    const std::vector<double> all =
        specimen_.gpt
            .logits(pass, Tensor::ids(specimen_.gpt.device(), ids, {B, unread}), Positions::last)
            .to_host();
    steering_.hooks().require_fired();
    std::vector<std::vector<double>> logits;
    const std::ptrdiff_t V = static_cast<std::ptrdiff_t>(all.size() / texts_.size());
    for (auto row = all.begin(); row != all.end(); row += V) logits.emplace_back(row, row + V);
    return logits;
  }
  void write(std::size_t row, std::int32_t token) { texts_[row].push_back(token); }
  const std::vector<std::int32_t>& text(std::size_t row) const { return texts_[row]; }

 private:
  const Specimen& specimen_;
  Steering steering_;
  std::vector<std::vector<std::int32_t>> texts_;
  std::optional<KVCache> cache_;
};

// So many rows at once that what is kept of their tokens stays below 256 MiB.
std::size_t rows_at_once(const GPTConfig& c, std::int64_t tokens) {
  const std::int64_t width = c.kv_heads() * c.head_size();
  const std::int64_t bytes = 2 * c.n_layer * std::min(c.block_size, tokens) * width * 4;
  return static_cast<std::size_t>(
      std::clamp<std::int64_t>((std::int64_t{256} << 20) / bytes, 1, 64));
}

std::vector<double> plain_probabilities(const std::vector<double>& logits) {
  SamplerOptions as_the_model_says;
  as_the_model_says.temperature = 1, as_the_model_says.top_k = 0;
  return probabilities(logits, as_the_model_says);
}

SteeredGuess guess_of(const Specimen& specimen, double strength, const std::vector<double>& p,
                      const std::vector<double>& unsteered, int top_k) {
  SteeredGuess guess{strength, 0, {}};
  for (std::size_t v = 0; v < p.size(); ++v)
    if (unsteered[v] > 0)
      guess.kl += unsteered[v] * std::log(unsteered[v] / std::max(p[v], 1e-300));
  for (const std::int32_t id : extremes_of(p, static_cast<std::size_t>(top_k)).top)
    guess.top.emplace_back(specimen.label(id), p[static_cast<std::size_t>(id)]);
  return guess;
}

std::string text_of(const Specimen& specimen, std::span<const std::int32_t> ids) {
  std::string text;
  for (const std::int32_t id : ids) {
    const bool known = specimen.tokenizer && id < specimen.tokenizer->vocab_size();
    text += known ? std::string(specimen.tokenizer->token(id)) : " " + specimen.label(id);
  }
  return text;
}

}   // namespace

SteeringVector contrast_direction(const Specimen& specimen, const std::string& place,
                                  std::span<const std::int32_t> towards,
                                  std::span<const std::int32_t> away) {
  const std::string hook = one_place(specimen, place);
  const Tensor there = look(specimen.gpt, specimen.row(towards), {hook})[hook];
  if (there.rank() != 3)
    fail(UsageError(
        hook + " has shape " + str(there.shape()) +
        "; a direction is added to what has a row for each token, as blocks.1.hook_resid_pre."));
  const std::vector<double> a = last_of(there),
                            b = last_of(look(specimen.gpt, specimen.row(away), {hook})[hook]);
  SteeringVector direction{"", hook, a};
  for (std::size_t i = 0; i < b.size(); ++i) direction.values[i] -= b[i];
  if (length_of(direction.values) == 0)
    fail(UsageError("both texts leave the same at " + hook +
                    ", so there is no direction between them."));
  return direction;
}

Steering::Steering(const Specimen& specimen, const SteeringVector& direction,
                   std::span<const double> strengths)
    : hooks_(specimen.gpt), scope_(hooks_.replace({direction.place}, [this](const Tensor& x) {
        return x + cast(added_, x.dtype());
      })) {
  const auto B = static_cast<std::int64_t>(strengths.size()),
             d = static_cast<std::int64_t>(direction.values.size());
  std::vector<double> added;
  for (const double strength : strengths)
    for (const double v : direction.values) added.push_back(strength * v);
  added_ = Tensor::from(specimen.gpt.device(), added, {B, 1, d}, specimen.gpt.dtype());
}

SteerResult steer(const Specimen& specimen, std::span<const std::int32_t> prompt,
                  const SteeringVector& direction, const SteerOptions& options) {
  check(options.sampler);
  const std::string hook = one_place(specimen, direction.place);
  const Tensor there = look(specimen.gpt, specimen.row(prompt), {hook})[hook];
  const std::int64_t d = static_cast<std::int64_t>(direction.values.size());
  if (there.rank() != 3 || there.dim(2) != d)
    fail(UsageError(hook + " has shape " + str(there.shape()) + ", and the direction has " +
                    std::to_string(d) + " numbers."));
  SteerResult r{specimen.from,
                direction.what,
                hook,
                text_of(specimen, prompt),
                length_of(direction.values),
                0,
                {},
                {}};
  r.stream_length = mean(sqrt(sum(square(there), 2))).item();

  std::vector<Row> rows;
  for (const double strength : options.strengths)
    for (int k = 0; k < options.samples; ++k) rows.push_back({strength, k});
  const Row as_it_is;
  const std::vector<double> unsteered = plain_probabilities(
      Writer(specimen, prompt, direction, {&as_it_is, 1}, 0, Reuse::nothing).next()[0]);
  SamplerOptions sampler = options.sampler;
  sampler.known = specimen.tokenizer ? specimen.tokenizer->vocab_size() : 0;
  const std::int64_t longest = static_cast<std::int64_t>(prompt.size()) + options.tokens;
  const std::size_t at_once = rows_at_once(specimen.config(), longest);
  const std::int64_t parts = static_cast<std::int64_t>((rows.size() + at_once - 1) / at_once);
  std::int64_t done = 0;
  for (std::size_t first = 0; first < rows.size(); first += at_once) {
    const std::span<const Row> some =
        std::span(rows).subspan(first, std::min(at_once, rows.size() - first));
    Writer writer(specimen, prompt, direction, some, options.tokens, options.reuse);
    for (std::int64_t t = 0; t < options.tokens; ++t) {
      const std::vector<std::vector<double>> logits = writer.next();
      for (std::size_t i = 0; i < some.size(); ++i) {
        if (t == 0 && some[i].sample == 0)
          r.guesses.push_back(guess_of(specimen, some[i].strength, plain_probabilities(logits[i]),
                                       unsteered, options.top_k));
        const std::vector<double> p = probabilities(logits[i], sampler, writer.text(i));
        writer.write(i, pick(p, dice(sampler.seed, some[i].sample, t)));
      }
      if (options.progress) options.progress(++done, parts * options.tokens);
    }
    for (std::size_t i = 0; i < some.size(); ++i) {
      const std::vector<std::int32_t>& text = writer.text(i);
      const std::vector<std::int32_t> own(text.begin() + static_cast<std::ptrdiff_t>(prompt.size()),
                                          text.end());
      r.samples.push_back({some[i].strength, some[i].sample, text_of(specimen, own), own});
    }
  }
  return r;
}

Page page_of(const SteerResult& r) {
  Page page{"steer", "Steering with a direction", r.from};
  page.add(Paragraph{
      "While the model goes on with \"" + r.prompt + "\", " + r.what + " is added to " + r.place +
      " at every token, so and so many times. The direction has length " +
      format("%.2f", r.length) + "; what flows there has " + format("%.2f", r.stream_length) +
      " on average. Much more than that, and the model hears nothing else."});
  Table guesses{"What comes first",
                {"strength", "likeliest", "KL"},
                {},
                {Align::right, Align::left, Align::right}};
  for (const SteeredGuess& g : r.guesses) {
    std::string top;
    for (const auto& [token, p] : g.top)
      top += (top.empty() ? "" : "  ") + token + format(" %.2f", p);
    guesses.rows.push_back({format("%g", g.strength), top, format("%.2f", g.kl)});
  }
  page.add(std::move(guesses));
  for (const SteeredSample& s : r.samples)
    page.add(Paragraph{"[" + format("%g", s.strength) + "] " + s.text});
  return page;
}

void put(Json& json, const SteerResult& r) {
  json.field("direction", r.what).field("place", r.place).field("prompt", r.prompt);
  json.field("length", r.length).field("stream_length", r.stream_length).key("samples").array();
  for (const SteeredSample& s : r.samples) {
    json.object().field("strength", s.strength).field("sample", s.sample).field("text", s.text);
    json.field("tokens", s.tokens).end();
  }
  json.end().key("first").array();
  for (const SteeredGuess& g : r.guesses) {
    json.object().field("strength", g.strength).field("kl", g.kl).key("top").array();
    for (const auto& [token, p] : g.top) json.object().field("token", token).field("prob", p).end();
    json.end().end();
  }
  json.end();
}

}   // namespace glass
