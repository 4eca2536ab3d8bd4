// engine/base/json_value.h: what it reads, and everything it refuses.
#include "engine/base/json_value.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/json.h"

namespace glass {
namespace {

using Kind = JsonValue::Kind;
using testing::HasSubstr;

std::string refusal(std::string_view text, JsonLimits limits = {}) {
  try {
    parse_json(text, "meta.json", limits);
  } catch (const ContentError& error) { return error.what(); }
  return "accepted";
}

TEST(JsonValue, ReadsEveryKind) {
  const JsonValue v = parse_json(
      " { \"a\" : [ null , true , false , -0.5e+3 , \"x\" , {} , [] ] , \"b\":\t0\r\n} ", "t");
  ASSERT_EQ(v.kind, Kind::object);
  ASSERT_EQ(v.fields.size(), 2u);
  EXPECT_EQ(v.fields[1].first, "b");
  const JsonValue& a = v.at("a", "t");
  ASSERT_EQ(a.kind, Kind::array);
  const Kind kinds[] = {Kind::null, Kind::boolean, Kind::boolean, Kind::number,
                        Kind::text, Kind::object,  Kind::array};
  ASSERT_EQ(a.items.size(), 7u);
  for (std::size_t i = 0; i < 7; ++i) EXPECT_EQ(a.items[i].kind, kinds[i]) << "item " << i;
  EXPECT_TRUE(a.items[1].flag("t"));
  EXPECT_FALSE(a.items[2].flag("t"));
  EXPECT_EQ(a.items[3].number("t"), -500);
  EXPECT_EQ(a.items[3].text, "-0.5e+3");
  EXPECT_EQ(a.items[4].string("t"), "x");
  EXPECT_EQ(v.find("c"), nullptr);
}

TEST(JsonValue, TextsKeepTheirLettersWhateverTheSpelling) {
  EXPECT_EQ(parse_json(R"("\"\\\/\b\f\n\r\t")", "t").text, "\"\\/\b\f\n\r\t");
  EXPECT_EQ(parse_json(R"("\u0041\u00e9\u20ac\ud83d\ude42\u0000")", "t").text,
            std::string("A\xc3\xa9\xe2\x82\xac\xf0\x9f\x99\x82\0", 11));
  EXPECT_EQ(parse_json("\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x99\x82 \x7f\"", "t").text,
            "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x99\x82 \x7f");
}

TEST(JsonValue, ReadsWhatOurWriterWrites) {
  Json json;
  const std::string text = "a\"b\\c\n\t\x01 gr\xc3\xbc\xc3\x9f";
  json.object().field(text, text).field("x", std::vector<double>{0.1, -1e300, 5e-324}).end();
  const JsonValue v = parse_json(json.text(), "t");
  EXPECT_EQ(v.at(text, "t").string("t"), text);
  const JsonValue& x = v.at("x", "t");
  ASSERT_EQ(x.items.size(), 3u);
  EXPECT_EQ(x.items[0].number("t"), 0.1);
  EXPECT_EQ(x.items[1].number("t"), -1e300);
  EXPECT_EQ(x.items[2].number("t"), 5e-324);
}

struct Hostile {
  const char* text;
  const char* reason;   // a part of the message
};

TEST(JsonValue, RefusesWhatIsNotJsonAndSaysWhere) {
  const Hostile kCases[] = {
      {"", "at byte 0 there is the end of the text where a value should be"},
      {"   ", "byte 3"},
      {"{", "byte 1"},
      {"[1", "byte 2 there is the end of the text where ',' or ']' should be"},
      {"[1,]", "byte 3 there is ']' where a value should be"},
      {"[,1]", "byte 1"},
      {"[1 2]", "byte 3 there is '2'"},
      {"[1}", "byte 2"},
      {"]", "byte 0"},
      {"{\"a\":1,}", "byte 7 there is '}' where a name in quotes should be"},
      {"{a:1}", "byte 1"},
      {"{1:1}", "byte 1"},
      {"{\"a\"}", "byte 4 there is '}' where ':' should be"},
      {"{\"a\":}", "byte 5"},
      {"{\"a\":1 \"b\":2}", "byte 7"},
      {"{'a':1}", "byte 1"},
      {"{\"a\":1,\"b\":2,\"a\":3}", "byte 13 there is the name 'a' for the second time"},
      {"{\"a\":1,\"\\u0061\":3}", "byte 7 there is the name 'a' for the second time"},
      {"[{\"\":1,\"\":3}]", "byte 7 there is the name '' for the second time"},
      {"nul", "byte 0"},
      {"nulll", "byte 4 there is something after the end"},
      {"True", "byte 0"},
      {"nan", "byte 0"},
      {"NaN", "byte 0"},
      {"Infinity", "byte 0"},
      {"-Infinity", "byte 1 there is 'I' where a digit should be"},
      {"-", "byte 1"},
      {"+1", "byte 0"},
      {".5", "byte 0"},
      {"5.", "byte 2"},
      {"01", "byte 0 there is a number that begins with 0"},
      {"-01", "byte 0 there is a number that begins with 0"},
      {"1e", "byte 2"},
      {"1e+", "byte 3"},
      {"0x10", "byte 1"},
      {"1_000", "byte 1"},
      {"1,5", "byte 1 there is something after the end"},
      {"{} {}", "byte 3 there is something after the end"},
      {"// no\n1", "byte 0"},
      {"\"abc", "byte 4 there is a text without an end"},
      {"\"a\nb\"", "byte 2 there is a control byte"},
      {"\"\\x41\"", "byte 2"},
      {"\"\\", "byte 2"},
      {"\"\\u12", "byte 5"},
      {"\"\\u12g4\"", "byte 5 there is 'g' where a hexadecimal digit"},
      {"\"\\ud800\"", "byte 1 there is half a surrogate pair"},
      {"\"\\ud800x\"", "byte 1 there is half a surrogate pair"},
      {"\"\\ud800\\u0041\"", "byte 1 there is half a surrogate pair"},
      {"\"\\ud800\\ud800\"", "byte 1 there is half a surrogate pair"},
      {"\"\\udc00\"", "byte 1 there is half a surrogate pair"},
      {"\"\xff\"", "byte 1 there is a byte that is not UTF-8"},
      {"\"\x80\"", "byte 1 there is a byte that is not UTF-8"},
      {"\"\xc0\xaf\"", "byte 1 there is a byte that is not UTF-8"},
      {"\"\xed\xa0\x80\"", "byte 1 there is a byte that is not UTF-8"},
      {"\"\xf4\x90\x80\x80\"", "byte 1 there is a byte that is not UTF-8"},
      {"\"ab\xe2\x82\"", "byte 3 there is a byte that is not UTF-8"},
      {"\"ab\xe2\x82", "byte 3 there is a byte that is not UTF-8"},
      {"\xef\xbb\xbf{}", "byte 0 there is a byte order mark"},
      {"\xff\xfe", "byte 0"},
  };
  for (const Hostile& c : kCases) {
    const std::string said = refusal(c.text);
    EXPECT_THAT(said, HasSubstr("meta.json is not valid JSON")) << c.text;
    EXPECT_THAT(said, HasSubstr(c.reason)) << c.text;
  }
  EXPECT_THAT(refusal(std::string_view("1\0", 2)), HasSubstr("byte 1 there is something after"));
}

TEST(JsonValue, EveryPrefixOfAnObjectIsRefused) {
  const std::string whole =
      R"({"a": [1.5e-3, true, null, "x\ud83d\ude42\n"], "b": {"c": [[], {}]}})";
  ASSERT_EQ(refusal(whole), "accepted");
  for (std::size_t n = 0; n < whole.size(); ++n)
    EXPECT_NE(refusal(whole.substr(0, n)), "accepted") << whole.substr(0, n);
}

TEST(JsonValue, DepthIsBoundedNotTheStack) {
  const auto nested = [](std::size_t n, const char* open, const char* close) {
    std::string text;
    for (std::size_t i = 0; i < n; ++i) text += open;
    for (std::size_t i = 0; i < n; ++i) text += close;
    return text;
  };
  EXPECT_EQ(refusal(nested(32, "[", "]")), "accepted");
  EXPECT_THAT(refusal(nested(33, "[", "]")), HasSubstr("nesting more than the 32 allowed"));
  EXPECT_THAT(refusal(nested(1000000, "[", "")), HasSubstr("nesting"));
  EXPECT_THAT(refusal(nested(1000000, "{\"a\":", "}")), HasSubstr("nesting"));
  EXPECT_EQ(refusal("[[1],[[2]]]", {.depth = 3}), "accepted");
  EXPECT_THAT(refusal("[[1],[[[2]]]]", {.depth = 3}), HasSubstr("nesting more than the 3"));
  std::string siblings = "[";
  for (int i = 0; i < 100; ++i) siblings += "[[]],";
  EXPECT_EQ(refusal(siblings + "1]", {.depth = 3}), "accepted") << "depth is no count of brackets";
}

TEST(JsonValue, TheNumberOfValuesIsBounded) {
  EXPECT_EQ(refusal("[1,2,3]", {.values = 4}), "accepted");
  EXPECT_THAT(refusal("[1,2,3,4]", {.values = 4}), HasSubstr("the 4 allowed"));
}

TEST(JsonValue, ManyNamesTakeNoQuadraticTime) {
  std::string text = "{";
  for (int i = 0; i < 200000; ++i) text += "\"n" + std::to_string(i) + "\":0,";
  EXPECT_EQ(parse_json(text + "\"last\":0}", "t").fields.size(), 200001u);
  EXPECT_THAT(refusal(text + "\"n7\":0}"), HasSubstr("'n7' for the second time"));
}

TEST(JsonValue, TypedReadingNamesThePlaceAndTheRange) {
  const JsonValue v = parse_json(
      R"({"n": 12, "half": 1.5, "big": 9223372036854775808, "huge": 1e999, "t": "x", "e": 1e3})",
      "t");
  const auto refused = [&](const auto& read) -> std::string {
    try {
      read();
    } catch (const ContentError& error) { return error.what(); }
    return "accepted";
  };
  EXPECT_EQ(v.at("n", "m").integer("m: n", 1, 12), 12);
  EXPECT_EQ(refused([&] { v.at("n", "m").integer("m: n", 1, 11); }),
            "m: n must be an integer of 1 .. 11, not '12'.");
  EXPECT_EQ(refused([&] { v.at("half", "m").integer("m: half", 0, 9); }),
            "m: half must be an integer of 0 .. 9, not '1.5'.");
  EXPECT_NE(refused([&] { v.at("big", "m").integer("m", 0, INT64_MAX); }), "accepted");
  EXPECT_NE(refused([&] { v.at("e", "m").integer("m", 0, INT64_MAX); }), "accepted");
  EXPECT_EQ(refused([&] { v.at("t", "m").integer("m: t", 0, 9); }),
            "m: t must be an integer of 0 .. 9, not a text.");
  EXPECT_NE(refused([&] { v.at("huge", "m").number("m"); }), "accepted");
  EXPECT_NE(refused([&] { v.at("t", "m").number("m"); }), "accepted");
  EXPECT_NE(refused([&] { v.at("n", "m").flag("m"); }), "accepted");
  EXPECT_NE(refused([&] { v.at("n", "m").string("m"); }), "accepted");
  EXPECT_EQ(refused([&] { v.at("gone", "m.json"); }), "m.json lacks the field 'gone'.");
  EXPECT_EQ(refused([&] { v.at("n", "m").at("x", "m: n"); }), "m: n must be an object, not '12'.");
}

TEST(JsonValue, FieldsCanBeReadOneByOne) {
  std::vector<std::string> seen;
  parse_json_fields(R"( {"a": [1,2,3], "b": "x"} )", "t",
                    [&](const std::string& name, JsonValue value) {
                      seen.push_back(name + std::to_string(value.items.size()));
                    },
                    {.values = 4});
  EXPECT_EQ(seen, (std::vector<std::string>{"a3", "b0"}));
  const auto refused = [](std::string_view text, JsonLimits limits = {}) {
    EXPECT_THROW(parse_json_fields(
                     text, "t", [](const std::string&, const JsonValue&) {}, limits),
                 ContentError)
        << text;
  };
  refused("[]");
  refused("");
  refused("{\"a\":1,\"b\":2,\"a\":3}");
  refused("{} x");
  refused("{\"a\":[1,2,3]}", {.values = 3});
  refused("{\"a\":[[1]]}", {.depth = 2});
}

}   // namespace
}   // namespace glass
