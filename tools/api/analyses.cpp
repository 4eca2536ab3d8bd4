// The analyses of `glass interp`, asked for by name. Their options come from the tables of the
// commands, so that a page, a script and a person at a terminal say the same words and get the same
// numbers.
//
// An analysis of a large model takes long. So between its steps it lets those compute who have
// waited meanwhile, and ends where whoever asked is gone.
#include <algorithm>
#include <chrono>

#include "engine/base/asker.h"
#include "engine/base/text.h"
#include "interp/page/page_json.h"
#include "tools/api/endpoints.h"
#include "tools/api/options.h"
#include "tools/arguments.h"
#include "tools/interp/interp.h"

namespace glass {

extern const Command kInterp;

namespace {

struct Found {
  const Command* command;
  std::string path;   // "neurons show", as behind glass interp
};

void collect(const Command& command, const std::string& path, std::vector<Found>& all) {
  if (command.find != nullptr) all.push_back({&command, path});
  for (const Command* child : command.commands)
    collect(*child, (path.empty() ? "" : path + " ") + std::string(child->name), all);
}

std::vector<Found> all_analyses() {
  std::vector<Found> all;
  collect(kInterp, "", all);
  return all;
}

// "attention", "neurons-show"
std::string id_of(const Found& found) {
  std::string id = found.path;
  std::replace(id.begin(), id.end(), ' ', '-');
  return id;
}

const Command& command_asked(const Call& call, std::string& path) {
  const std::string& id = call.parts.at(0);
  for (Found& found : all_analyses()) {
    if (id_of(found) != id) continue;
    path = std::move(found.path);
    return *found.command;
  }
  throw ApiError(404, "not_found", "there is no analysis " + in_quotes(id),
                 "GET /api/analyses lists them");
}

// A page that waits for an analysis.
class Waiter final : public Asker {
 public:
  Waiter(const Call& call, Events* events, std::unique_lock<Turnstile>& computing)
      : call_(call), events_(events), computing_(computing) {}

  void between_steps() override {
    if (Clock::now() - looked_ > kBetweenLooks) {
      looked_ = Clock::now();
      if (!wanted()) fail(Interrupted());
    }
    if (computing_.mutex()->waiting() == 0) return;
    computing_.unlock();
    computing_.lock();
  }

  bool hears(std::int64_t done, std::int64_t all, const std::string& what) override {
    if (events_ == nullptr || (done < all && Clock::now() - said_ < kBetweenWords)) return true;
    said_ = Clock::now();
    Json json;
    json.object().field("done", done).field("all", all).field("what", what).end();
    computing_.unlock();   // who reads slowly holds up nobody
    const bool heard = events_->send("progress", json.text());
    computing_.lock();
    if (!heard) fail(Interrupted());
    return true;
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr auto kBetweenLooks = std::chrono::milliseconds(10);
  static constexpr auto kBetweenWords = std::chrono::milliseconds(100);

  bool wanted() const {
    if (events_ != nullptr) return events_->alive();
    return !call_.wanted || call_.wanted();
  }

  const Call& call_;
  Events* events_;
  std::unique_lock<Turnstile>& computing_;
  Clock::time_point looked_{}, said_{};
};

std::string found_for(Session& session, const Call& call, Events* events) {
  std::string path;
  const Command& command = command_asked(call, path);
  const auto model = session.model();
  std::vector<std::string> words = words_of(command, call.body);
  words.insert(words.begin(), {"--ckpt", model->ckpt});
  const Arguments args = parse(command, "glass interp " + path, words,
                               [](const char*) -> const char* { return nullptr; });
  auto computing = session.computing();
  Waiter page(call, events, computing);
  const AskedBy asked(page);
  const Findings findings = command.find(args, Microscope(model, args));
  return "{\"page\":" + page_json(findings.page) + ",\"data\":" + findings.json + "}";
}

}   // namespace

Answer api_analyses(Session&, const Call&) {
  Json json;
  json.object().key("analyses").array();
  for (const Found& found : all_analyses()) {
    json.object().field("name", id_of(found)).field("command", "glass interp " + found.path);
    json.field("summary", found.command->summary).field("about", found.command->about);
    put_code_of_analysis(json, id_of(found));
    json.key("options").array();
    for (const Option& operand : found.command->operands) put(json, operand, true);
    for (const Option* option : options_of(*found.command))
      if (is_for_page(*option)) put(json, *option, false);
    json.end().end();
  }
  json.end().end();
  return {json.text()};
}

Answer api_interp(Session& session, const Call& call) {
  return {found_for(session, call, nullptr)};
}

void api_interp_stream(Session& session, const Call& call, Events& events) {
  events.send("done", found_for(session, call, &events));
}

}   // namespace glass
