// engine/base/json.h: what it writes, and that it cannot be made to write something else.
#include "engine/base/json.h"

#include <gtest/gtest.h>

#include <cmath>

#include "engine/base/error.h"

namespace glass {
namespace {

TEST(Json, WritesNestedValues) {
  Json json;
  json.object()
      .field("name", "glass")
      .field("n", 3)
      .field("ok", true)
      .field("x", 0.1)
      .key("none")
      .null();
  json.key("list")
      .array()
      .value(1)
      .value("two")
      .object()
      .field("deep", std::vector<double>{1, 2.5})
      .end()
      .end();
  json.field("rows", std::vector<std::vector<int>>{{1, 2}, {}}).end();
  EXPECT_EQ(json.text(), R"({"name": "glass", "n": 3, "ok": true, "x": 0.1, "none": null, )"
                         R"("list": [1, "two", {"deep": [1, 2.5]}], "rows": [[1, 2], []]})");
}

TEST(Json, WhatJsonCannotSayIsNull) {
  EXPECT_EQ(Json().value(std::vector<double>{NAN, INFINITY, -INFINITY, 1}).text(),
            "[null, null, null, 1]");
  EXPECT_EQ(Json().value(NAN).text(), "null");
}

TEST(Json, FloatsKeepTheirOwnShortestDigits) {
  EXPECT_EQ(Json().value(0.1f).text(), "0.1");
  EXPECT_EQ(Json().value(static_cast<double>(0.1f)).text(), "0.10000000149011612");
}

TEST(Json, StringsAreEscapedAndAlwaysUtf8) {
  EXPECT_EQ(Json().value("a\"b\\c\n\t\x01\x7f").text(), "\"a\\\"b\\\\c\\n\\t\\u0001\\u007f\"");
  EXPECT_EQ(Json().value("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x99\x82").text(),
            "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x99\x82\"");
  // A lone byte, an overlong slash, a surrogate, beyond U+10FFFF, a cut character.
  EXPECT_EQ(Json().value("\xff").text(), "\"\\ufffd\"");
  EXPECT_EQ(Json().value("\xc0\xaf").text(), "\"\\ufffd\\ufffd\"");
  EXPECT_EQ(Json().value("\xed\xa0\x80").text(), "\"\\ufffd\\ufffd\\ufffd\"");
  EXPECT_EQ(Json().value("\xf4\x90\x80\x80").text(), "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
  EXPECT_EQ(Json().value("x\xe2\x82").text(), "\"x\\ufffd\\ufffd\"");
}

TEST(Json, AWrongCallIsAnErrorNotWrongOutput) {
  EXPECT_THROW(Json().object().value(1), Error) << "no key";
  EXPECT_THROW(Json().key("a"), Error) << "no object";
  EXPECT_THROW(Json().object().key("a").key("b"), Error);
  EXPECT_THROW(Json().object().key("a").end(), Error);
  EXPECT_THROW(Json().end(), Error);
  EXPECT_THROW(Json().value(1).value(2), Error);
  EXPECT_THROW(Json().array().text(), Error) << "still open";
  EXPECT_THROW(Json().text(), Error) << "nothing written";
}

TEST(Json, IndentedHasALineForEachField) {
  Json json;
  json.object().field("a", 1).key("b").object().field("c", "x, {\"y\": [").end();
  json.field("list", std::vector<int>{1, 2}).key("none").object().end().key("empty").array().end();
  EXPECT_EQ(indented(json.end().text()), R"({
  "a": 1,
  "b": {
    "c": "x, {\"y\": ["
  },
  "list": [1, 2],
  "none": {},
  "empty": []
})");
  EXPECT_EQ(indented("{}"), "{}");
  EXPECT_EQ(indented("7"), "7");
}

}   // namespace
}   // namespace glass
