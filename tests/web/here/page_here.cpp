// The program of a page without a server, built for this machine from the very files that
// Emscripten gets: what it calls and is not among them does not link, and what it answers is
// compared with `glass serve` (../engine_test.py). A question a line, as JSON: [method, path,
// body].
#include <cstdio>
#include <iostream>
#include <string>

#include "engine/base/json_value.h"
#include "tests/web/here/emscripten.h"

extern "C" const char* glass_call(const char* method, const char* address, const char* body);

int heard_here(const char*, const char*) { return 1; }

int main() {
  for (std::string line; std::getline(std::cin, line);) {
    const glass::JsonValue call = glass::parse_json(line, "a question");
    const auto word = [&](std::size_t i) { return call.items.at(i).text.c_str(); };
    const std::string said = glass_call(word(0), word(1), word(2));
    const std::size_t end = said.find('\n');
    std::printf("[%s,%s]\n", said.substr(0, end).c_str(), said.substr(end + 1).c_str());
  }
}
