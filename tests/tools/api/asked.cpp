#include "tests/tools/api/asked.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>

namespace glass::test {
namespace {

const Option kOptions[] = {kCkptOption};
const Command kAnyCommand = {.name = "serve", .summary = "", .options = kOptions};

}   // namespace

Session& session_of(const std::string& ckpt) {
  static std::map<std::string, std::unique_ptr<Session>> sessions;
  std::unique_ptr<Session>& session = sessions[ckpt];
  if (!session) {
    const Arguments args = parse(kAnyCommand, "glass serve", {"--ckpt", ckpt, "--threads", "1"},
                                 [](const char*) -> const char* { return nullptr; });
    session = std::make_unique<Session>(args, SessionOptions{ckpt, ""});
  }
  return *session;
}

Answer asked(Session& session, const std::string& method, const std::string& path,
             const std::string& body) {
  Call call{method, path};
  if (!body.empty()) call.body = parse_json(body, "the body");
  return answer(session, std::move(call));
}

JsonValue told(Session& session, const std::string& method, const std::string& path,
               const std::string& body, int status) {
  const Answer answer = asked(session, method, path, body);
  EXPECT_EQ(answer.status, status) << method << " " << path << " " << body << ": " << answer.body;
  return parse_json(answer.body, path);
}

}   // namespace glass::test
