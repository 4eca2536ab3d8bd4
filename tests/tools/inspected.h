// What `glass inspect PATH --json` says, for the tests that ask for it.
#pragma once
#include <gtest/gtest.h>

#include <string>

#include "engine/base/json_value.h"
#include "tests/tools/process.h"

namespace glass::test {

inline JsonValue inspected(const std::string& path) {
  const Outcome outcome = glass({"inspect", path, "--json"});
  EXPECT_EQ(outcome.code, 0) << outcome.text();
  return parse_json(outcome.out, "the output");
}

inline std::string text_of(const JsonValue& json, const char* name) {
  return json.at(name, "json").string(name);
}

}   // namespace glass::test
