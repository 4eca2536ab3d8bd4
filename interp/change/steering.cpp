#include "interp/change/steering.h"

#include <algorithm>
#include <cmath>

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

// Rows of text that grow together, each with its own strength, as one batch.
class Writer {
 public:
  Writer(const Specimen& specimen, std::span<const std::int32_t> prompt,
         const SteeringVector& direction, const std::vector<double>& strengths, int samples)
      : specimen_(specimen),
        place_(direction.place),
        rows_(strengths.size() * static_cast<std::size_t>(samples),
              {prompt.begin(), prompt.end()}) {
    std::vector<double> added;   // (rows,1,d)
    for (const double strength : strengths)
      for (int s = 0; s < samples; ++s)
        for (const double v : direction.values) added.push_back(strength * v);
    const std::int64_t d = static_cast<std::int64_t>(direction.values.size());
    added_ = Tensor::from(specimen.gpt.device(), added,
                          {static_cast<std::int64_t>(rows_.size()), 1, d}, specimen.gpt.dtype());
  }

  // Logits of what comes next, row after row.
  std::vector<std::vector<double>> next() {
    const std::size_t T =
        std::min(rows_[0].size(), static_cast<std::size_t>(specimen_.config().block_size));
    std::vector<std::int32_t> ids;   // of a long text, the end
    for (const auto& row : rows_)
      ids.insert(ids.end(), row.end() - static_cast<std::ptrdiff_t>(T), row.end());
    const std::int64_t B = static_cast<std::int64_t>(rows_.size());
    Hooks hooks(specimen_.gpt);
    const auto scope =
        hooks.replace({place_}, [this](const Tensor& x) { return x + cast(added_, x.dtype()); });
    const std::vector<double> all =
        hooks
            .logits(Tensor::ids(specimen_.gpt.device(), ids, {B, static_cast<std::int64_t>(T)}),
                    nullptr, Positions::last)
            .to_host();
    std::vector<std::vector<double>> logits;
    const std::size_t V = all.size() / rows_.size();
    for (std::size_t r = 0; r < rows_.size(); ++r)
      logits.emplace_back(all.begin() + static_cast<std::ptrdiff_t>(r * V),
                          all.begin() + static_cast<std::ptrdiff_t>((r + 1) * V));
    return logits;
  }
  void write(std::size_t row, std::int32_t token) { rows_[row].push_back(token); }
  const std::vector<std::int32_t>& row(std::size_t r) const { return rows_[r]; }

 private:
  const Specimen& specimen_;
  std::string place_;
  std::vector<std::vector<std::int32_t>> rows_;
  Tensor added_;
};

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

  Writer writer(specimen, prompt, direction, options.strengths, options.samples);
  SamplerOptions sampler = options.sampler;
  sampler.known = specimen.tokenizer ? specimen.tokenizer->vocab_size() : 0;
  const std::size_t each = static_cast<std::size_t>(options.samples),
                    rows = options.strengths.size() * each;
  for (std::int64_t t = 0; t < options.tokens; ++t) {
    const std::vector<std::vector<double>> logits = writer.next();
    if (t == 0) {
      Writer as_it_is(specimen, prompt, direction, {0}, 1);
      const std::vector<double> unsteered = plain_probabilities(as_it_is.next()[0]);
      for (std::size_t s = 0; s < options.strengths.size(); ++s)
        r.guesses.push_back(guess_of(specimen, options.strengths[s],
                                     plain_probabilities(logits[s * each]), unsteered,
                                     options.top_k));
    }
    for (std::size_t row = 0; row < rows; ++row) {
      const std::vector<double> p = probabilities(logits[row], sampler, writer.row(row));
      writer.write(row, pick(p, dice(sampler.seed, static_cast<std::int64_t>(row % each), t)));
    }
  }
  for (std::size_t row = 0; row < rows; ++row) {
    const std::vector<std::int32_t>& all = writer.row(row);
    const std::vector<std::int32_t> written(
        all.begin() + static_cast<std::ptrdiff_t>(prompt.size()), all.end());
    r.samples.push_back({options.strengths[row / each], static_cast<int>(row % each),
                         text_of(specimen, written), written});
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
