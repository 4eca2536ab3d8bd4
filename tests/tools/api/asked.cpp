#include "tests/tools/api/asked.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <memory>
#include <stdexcept>

#include "engine/base/base64.h"
#include "engine/base/text.h"
#include "tests/tools/process.h"

namespace glass::test {
namespace {

const Option kOptions[] = {kCkptOption};
const Command kAnyCommand = {.name = "serve", .summary = "", .options = kOptions};

Call call_of(const std::string& method, const std::string& path, const std::string& body) {
  const std::size_t mark = path.find('?');
  Call call{method, path.substr(0, mark)};
  if (mark != std::string::npos)
    for (const std::string& pair : split(path.substr(mark + 1), '&')) {
      const std::size_t equals = pair.find('=');
      call.query.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
    }
  if (!body.empty()) call.body = parse_json(body, "the body");
  return call;
}

}   // namespace

std::unique_ptr<Session> new_session(const std::string& ckpt, const std::string& folder) {
  const Arguments args = parse(kAnyCommand, "glass serve", {"--ckpt", "x", "--threads", "1"},
                               [](const char*) -> const char* { return nullptr; });
  return std::make_unique<Session>(args, SessionOptions{ckpt, folder, glass_program()});
}

Session& session_of(const std::string& ckpt) {
  static std::map<std::string, std::unique_ptr<Session>> sessions;
  std::unique_ptr<Session>& session = sessions[ckpt];
  if (!session) session = new_session(ckpt, "");
  return *session;
}

Answer asked(Session& session, const std::string& method, const std::string& path,
             const std::string& body) {
  return answer(session, call_of(method, path, body));
}

JsonValue told(Session& session, const std::string& method, const std::string& path,
               const std::string& body, int status) {
  const Answer answer = asked(session, method, path, body);
  EXPECT_EQ(answer.status, status)
      << method << " " << path << " " << body << ": " << answer.body.substr(0, 500);
  return parse_json(answer.body, path);
}

std::string code_of(const JsonValue& refused) {
  return refused.at("error", "refusal").at("code", "error").string("code");
}

bool Listener::send(std::string_view name, const std::string& json) {
  events.push_back({std::string(name), parse_json(json, "an event")});
  gone = gone || enough(events.back());
  return !gone;
}

std::vector<std::string> Listener::names() const {
  std::vector<std::string> all;
  for (const Event& event : events) all.push_back(event.name);
  return all;
}

Answer listened(Session& session, const std::string& method, const std::string& path,
                const std::string& body, Listener& listener) {
  return answer(session, call_of(method, path, body), &listener);
}

const JsonValue& at(const JsonValue& json, const std::vector<std::string>& way) {
  const JsonValue* here = &json;
  for (const std::string& step : way) {
    std::int64_t place = -1;
    if (here->kind == JsonValue::Kind::array && parse_integer(step, place) == NumberFault::none) {
      if (static_cast<std::size_t>(place) >= here->items.size())
        throw std::out_of_range("no item " + step + " of " + join(way, "."));
      here = &here->items[static_cast<std::size_t>(place)];
    } else {
      here = &here->at(step, join(way, "."));
    }
  }
  return *here;
}

double number(const JsonValue& json, const std::vector<std::string>& way) {
  return at(json, way).number(join(way, "."));
}

std::string text(const JsonValue& json, const std::vector<std::string>& way) {
  return at(json, way).text;
}

std::vector<float> floats(const JsonValue& f32) {
  std::string bytes;
  EXPECT_TRUE(from_base64(f32.at("f32", "numbers").text, bytes));
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

}   // namespace glass::test
