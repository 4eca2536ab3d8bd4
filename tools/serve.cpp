// glass serve: the dashboard. Three parts meet here and know nothing of one another: a server that
// reads requests (tools/http), the table of what can be asked (tools/api), and the page
// (tools/web).
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "engine/base/files.h"
#include "engine/base/json.h"
#include "engine/base/text.h"
#include "tools/api/api.h"
#include "tools/api/session.h"
#include "tools/http/answers.h"
#include "tools/http/guard.h"
#include "tools/http/http.h"
#include "tools/priority.h"
#include "tools/shell_word.h"
#include "tools/terminal.h"
#include "tools/web_files.h"

namespace glass {
namespace {

HttpResponse response_of(const Answer& answer) {
  return {.status = answer.status, .type = answer.type, .body = answer.body, .headers = {}};
}

// A stream of the API as a stream of the server. Until the first event nothing is sent, so that a
// refusal can still be an answer with a status of its own.
class EventsOverHttp final : public Events {
 public:
  explicit EventsOverHttp(HttpReply& reply) : reply_(reply) {}
  bool send(std::string_view name, const std::string& json) override {
    begun_ = true;
    return reply_.event(name, json);
  }
  bool alive() override { return reply_.alive(); }
  bool begun() const { return begun_; }

 private:
  HttpReply& reply_;
  bool begun_ = false;
};

JsonValue body_of(const HttpRequest& request) {
  if (request.body.empty()) return {};
  JsonValue body;
  try {
    body = parse_json(request.body, "the body");
  } catch (const ContentError& error) { throw ApiError(400, "bad_json", error.what()); }
  if (body.kind != JsonValue::Kind::object)
    throw ApiError(400, "bad_json", "the body must be an object, {..}");
  return body;
}

class Dashboard {
 public:
  Dashboard(Session& session, Guard guard, std::string web_folder)
      : session_(session), guard_(std::move(guard)), web_folder_(std::move(web_folder)) {}

  void answer(const HttpRequest& request, HttpReply& reply) {
    if (const auto refused = guard_.stranger(request)) return reply.send(*refused);
    if (const auto file = web_file(request.path, web_folder_)) return send(*file, request, reply);
    try {
      ask(request, reply);
    } catch (const ApiError& error) {
      HttpResponse response =
          response_of(refusal(error.status, error.code, error.what(), error.hint));
      if (error.status == 405) response.headers = {{"Allow", methods_of(request.path)}};
      reply.send(response);
    }
  }

 private:
  static void send(const WebFile& file, const HttpRequest& request, HttpReply& reply) {
    if (request.method == "GET")
      return reply.send({.status = 200, .type = file.type, .body = file.bytes, .headers = {}});
    HttpResponse refused = error_answer(405, "a file of the page can only be read");
    refused.headers = {{"Allow", "GET, HEAD"}};
    reply.send(refused);
  }

  void ask(const HttpRequest& request, HttpReply& reply) {
    Call call{request.method, request.path, request.query, {}, {}};
    const bool api = request.path.starts_with("/api/");
    const bool everybodys = methods_of(request.path).empty() ? !api : endpoint_of(call).open;
    if (!everybodys)
      if (const auto refused = guard_.without_token(request)) return reply.send(*refused);
    const Endpoint& endpoint = endpoint_of(call);
    call.body = body_of(request);
    call.wanted = [&reply] { return reply.alive(); };
    if (endpoint.stream == nullptr)
      return reply.send(response_of(glass::answer(session_, std::move(call))));
    EventsOverHttp events(reply);
    const Answer said = glass::answer(session_, std::move(call), &events);
    if (!events.begun()) reply.send(response_of(said));
  }

  Session& session_;
  const Guard guard_;
  const std::string web_folder_;
};

// ---- the command --------------------------------------------------------------------------------

HttpServer* running = nullptr;

// The first Ctrl-C waits for answers that are being made, the second for nobody.
void stop_running(int) {
  static volatile std::sig_atomic_t asked = 0;
  if (asked != 0) ::_exit(static_cast<int>(ExitCode::interrupted));
  asked = 1;
  running->stop();
}

std::string url_of(const std::string& host, int port, const std::string& token) {
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return "http://" + name + ":" + std::to_string(port) + "/#t=" + token;
}

void tell(const Arguments& args, const std::string& url, int port) {
  if (args.flag("json")) {
    Json json;
    json.object().field("url", url).field("port", port).end();
    print(json.text() + "\n");
  } else {
    print(url + "\n");
  }
  flush_stdout();
}

// The folder of runs may come later; a file in its place cannot become one.
void look_at_runs(const Arguments& args) {
  const std::string& runs = args.text("runs");
  std::error_code fault;
  const bool there = std::filesystem::exists(runs, fault);
  if (there && !std::filesystem::is_directory(runs, fault))
    fail(
        SystemError("--runs " + in_quotes(runs) + " is no folder; a model is opened with --ckpt."));
  if (there && is_run_folder(runs))
    fail(SystemError("--runs " + in_quotes(runs) + " is one run; name the folder that it lies in" +
                     ", or open it with --ckpt " + shell_word(runs) + "."));
  if (!there && args.source("runs") != Source::fallback)
    warn("there is no folder " + in_quotes(runs) +
         " yet, so no runs are shown; the first training from the page makes it.");
}

ExitCode run(const Arguments& args) {
  const std::string folder = args.has("web-dir") ? args.text("web-dir") : "";
  if (!folder.empty() && !web_file("/", folder))
    fail(SystemError("there is no index.html in " + in_quotes(folder) +
                     "; name the folder of the page, tools/web."));
  look_at_runs(args);
  Session session(args, {args.has("ckpt") ? args.text("ckpt") : "", args.text("runs")});
  const std::string host = args.text("host");
  if (host == "0.0.0.0" || host == "::")
    fail(UsageError("--host " + host +
                    " is every address of this machine; name the one under which "
                    "others reach it, since the page answers under no other name."));
  const std::string token = make_token();
  Dashboard* dashboard = nullptr;
  HttpServer server(
      {.address = host, .port = static_cast<int>(args.integer("port"))},
      [&](const HttpRequest& request, HttpReply& reply) { dashboard->answer(request, reply); });
  if (host != "127.0.0.1" && host != "localhost" && host != "::1")
    warn("the page can be reached from other machines at " + host +
         ", and whoever has its address can train and read models here.");
  std::vector<std::string> hosts = own_hosts(server.port());
  hosts.push_back(host + ":" + std::to_string(server.port()));
  Dashboard made(session, Guard(std::move(hosts), token), folder);
  dashboard = &made;

  const SessionGivesWay to_whoever_trains;
  running = &server;
  std::signal(SIGINT, stop_running);
  std::signal(SIGTERM, stop_running);
  tell(args, url_of(host, server.port(), token), server.port());
  server.run();
  return ExitCode::interrupted;
}

constexpr Option ckpt_option() {
  Option option = kCkptOption;
  option.required = false;   // the page can open one
  return option;
}

// clang-format off
const Option kOptions[] = {
    ckpt_option(),
    kTokenizerOption,
    kRanksOption,
    {.name = "runs", .value = "DIR", .fallback = "out", .help = "the folder of runs: what can be opened, and where a training begins", .also = "out", .group = "Dashboard"},
    {.name = "port", .type = Type::integer, .value = "N", .fallback = "0", .min = 0, .max = 65535, .help = "where to listen; 0: any port that is free"},
    {.name = "host", .value = "ADDRESS", .fallback = "127.0.0.1", .help = "on which address; others than this one can be reached from other machines"},
    {.name = "web-dir", .value = "DIR", .help = "serve the page from here and not from the program, to work on it"},
};
const Example kExamples[] = {
    {"glass serve --ckpt out/names", "look into a run"},
    {"glass serve --ckpt handmade:induction --port 8000", "a model whose circuit is known"},
    {"glass serve", "open or train one from the page"},
};
// clang-format on

}   // namespace

extern const Command kServe = {
    .name = "serve",
    .summary = "open the dashboard: look into a model, train one, let it write",
    .about =
        "Prints the address of a page, and serves it until Ctrl-C. The page is on this machine "
        "only, "
        "and asks with the key that stands behind the # of its address.",
    .examples = kExamples,
    .options = kOptions,
    .run = run};

}   // namespace glass
