// A model writes while somebody reads: one event for each token. The choice is made in
// model/sampler.h, whole letters and stop texts in model/text_stream.h, as for `glass sample`.
//
// The machine is let go between two tokens, so that others who ask need not wait for the end.
#include "model/generate.h"

#include <optional>

#include "engine/base/text.h"
#include "model/text_stream.h"
#include "tools/api/endpoints.h"
#include "tools/api/options.h"
#include "tools/api/prompt.h"
#include "tools/arguments.h"
#include "tools/interp/steer.h"

namespace glass {
namespace {

constexpr std::size_t kGuesses = 5;

SamplerOptions options_asked(const Call& call, const Opened& opened) {
  SamplerOptions o;
  o.temperature = call.number("temperature", 0, 1e6, o.temperature);
  o.top_k = call.integer("top_k", 0, std::int64_t{1} << 31, o.top_k);
  o.top_p = call.number("top_p", 0, 1, o.top_p);
  o.min_p = call.number("min_p", 0, 1, o.min_p);
  o.repeat_penalty = call.number("repeat_penalty", 0, 1e6, o.repeat_penalty);
  o.seed = static_cast<std::uint64_t>(
      call.integer("seed", 0, std::int64_t{1} << 53, static_cast<std::int64_t>(o.seed)));
  if (opened.saved.tokenizer) o.known = opened.tokenizer().vocab_size();
  check(o);
  return o;
}

// One text, or a list of them.
std::vector<std::string> stops_asked(const Call& call) {
  const JsonValue* stop = call.has("stop") ? call.body.find("stop") : nullptr;
  if (stop == nullptr) return {};
  if (stop->kind == JsonValue::Kind::text) return {stop->text};
  std::vector<std::string> stops;
  for (const JsonValue& item : stop->items) {
    if (item.kind != JsonValue::Kind::text) break;
    stops.push_back(item.text);
  }
  if (stop->kind != JsonValue::Kind::array || stops.size() != stop->items.size())
    throw bad_value("\"stop\" must be a text or a list of texts");
  return stops;
}

std::vector<std::int32_t> beginning(const Call& call, const Opened& opened) {
  const bool nothing = !call.has("tokens") && call.text("prompt", "").empty();
  if (nothing) return {opened.saved.tokenizer ? first_token(opened.tokenizer()) : 0};
  return tokens_asked(call, opened);
}

// A direction that is added while the model writes: the words of `glass interp steer`, and one
// strength. {"towards": "happy", "away": "sad", "strength": 4}
class Steered {
 public:
  Steered(const std::shared_ptr<const OpenModel>& model, const JsonValue& said)
      : Steered(model, said, arguments_of(*model, said)) {}
  Hooks& hooks() { return steering_.hooks(); }

  void put(Json& json) const {   // fields of an open object
    json.field("direction", direction_.what).field("place", direction_.place);
    json.field("strength", strength_);
  }

 private:
  Steered(const std::shared_ptr<const OpenModel>& model, const JsonValue& said,
          const Arguments& args)
      : microscope_(model, args),
        direction_(direction_asked(args, microscope_)),
        strength_(strength_of(said)),
        steering_(microscope_.specimen, direction_, {&strength_, 1}) {}

  static Arguments arguments_of(const OpenModel& model, const JsonValue& said) {
    if (said.kind != JsonValue::Kind::object)
      throw bad_value("\"steering\" must be an object: {towards, away, at, feature, strength}");
    JsonValue options = said;
    std::erase_if(options.fields, [](const auto& field) { return field.first == "strength"; });
    std::vector<std::string> words =
        words_of(kInterpSteer, options, [](const Option& o) { return is_direction(o.name); });
    words.insert(words.begin(), {"--ckpt", model.ckpt});
    return parse(kInterpSteer, "steering", words,
                 [](const char*) -> const char* { return nullptr; });
  }
  static bool is_direction(std::string_view name) {
    return name == "towards" || name == "away" || name == "at" || name == "feature";
  }
  static double strength_of(const JsonValue& said) {
    Call fields;
    fields.body = said;
    return fields.number("strength", -1e6, 1e6, 1);
  }

  Microscope microscope_;
  SteeringVector direction_;
  double strength_;
  Steering steering_;
};

// A model whose tokens mean nothing that is known writes their numbers.
std::string written_as(const Opened& opened, std::int32_t id) {
  return opened.saved.tokenizer ? text_of(opened, id) : "#" + std::to_string(id) + " ";
}

class Writer {
 public:
  Writer(const Opened& opened, const SamplerOptions& options, std::vector<std::int32_t> prompt,
         std::vector<std::string> stops)
      : opened_(opened), options_(options), stream_(std::move(stops)), seen_(std::move(prompt)) {}

  // What one token has to tell. "prob" is what the model says, "chance" what the options made of
  // it; "text" is what can be shown now: whole letters, and no part of a stop text.
  std::string event(std::int32_t token, std::span<const double> logits) {
    const std::vector<Guess> top = likeliest(logits, kGuesses);
    const std::vector<double> chances = probabilities(logits, options_, seen_);
    seen_.push_back(token);
    Json json;
    json.object().field("id", token).field("text", stream_.push(written_as(opened_, token)));
    json.field("token", written_as(opened_, token));
    json.field("prob", probability_of(token, logits));
    json.field("chance", chances[static_cast<std::size_t>(token)]);
    json.key("top5").array();
    for (const Guess& guess : top) {
      json.object().field("id", guess.id).field("text", written_as(opened_, guess.id));
      json.field("prob", guess.probability);
      json.field("chance", chances[static_cast<std::size_t>(guess.id)]).end();
    }
    json.end().end();
    return json.text();
  }

  TextStream& stream() { return stream_; }

 private:
  const Opened& opened_;
  const SamplerOptions& options_;
  TextStream stream_;
  std::vector<std::int32_t> seen_;   // the prompt and what was written
};

}   // namespace

void api_generate(Session& session, const Call& call, Events& events) {
  const auto opened = session.model();
  const SamplerOptions options = options_asked(call, *opened);
  const std::int64_t most = call.integer("n", 1, 1'000'000, 100);
  const std::int64_t number = call.integer("sample", 0, 1 << 30, 0);
  const std::vector<std::int32_t> prompt = beginning(call, *opened);
  Writer writer(*opened, options, prompt, stops_asked(call));

  bool heard = true;
  auto computing = session.computing();
  std::optional<Steered> steered;
  if (call.has("steering")) steered.emplace(opened, *call.body.find("steering"));
  Generator generator(opened->model(), prompt, Reuse::keys_and_values,
                      steered ? &steered->hooks() : nullptr);
  const auto tell = [&](std::int32_t token) {
    const std::string event = writer.event(token, generator.logits());
    computing.unlock();
    heard = events.send("token", event);
    computing.lock();
    return heard && !writer.stream().stopped();
  };
  const std::size_t written = generator.sample(number, most, options, tell).size();
  if (!heard) return;
  Json json;
  json.object().field("text", writer.stream().finish());   // what had to wait until now
  json.field("tokens", written).field("stopped", writer.stream().stopped());
  json.field("seed", options.seed).field("prompt_tokens", prompt);
  if (steered) {
    json.key("steering").object();
    steered->put(json);
    json.end();
  }
  json.end();
  computing.unlock();
  events.send("done", json.text());
  computing.lock();   // the cache of the generator goes back to the machine
}

}   // namespace glass
