// Asks the API as a page would, without a server between.
#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/json_value.h"
#include "tools/api/api.h"
#include "tools/api/session.h"

namespace glass::test {

// A session over a model by name ("handmade:induction"), on one thread; kept for all tests.
Session& session_of(const std::string& ckpt);
// One that knows a folder of runs, too.
std::unique_ptr<Session> new_session(const std::string& ckpt, const std::string& folder);

// `body`: JSON, or "". The path may carry a query.
Answer asked(Session& session, const std::string& method, const std::string& path,
             const std::string& body = "");
// The same, whose answer must have that status and be JSON.
JsonValue told(Session& session, const std::string& method, const std::string& path,
               const std::string& body = "", int status = 200);
std::string code_of(const JsonValue& refused);   // "bad_value"

// Somebody who listens to a stream, until `enough` says so.
struct Listener final : Events {
  struct Event {
    std::string name;
    JsonValue data;
  };
  std::vector<Event> events;
  std::function<bool(const Event&)> enough = [](const Event&) { return false; };
  bool gone = false;

  bool send(std::string_view name, const std::string& json) override;
  bool alive() override { return !gone; }
  std::vector<std::string> names() const;
};
Answer listened(Session& session, const std::string& method, const std::string& path,
                const std::string& body, Listener& listener);

// A field, however deep: at(json, {"tensors", "0", "name"}).
const JsonValue& at(const JsonValue& json, const std::vector<std::string>& way);
double number(const JsonValue& json, const std::vector<std::string>& way);
std::string text(const JsonValue& json, const std::vector<std::string>& way);
std::vector<float> floats(const JsonValue& f32);   // of {"f32": base64}

}   // namespace glass::test
