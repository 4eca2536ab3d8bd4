// The file that `glass report` and --html write: nothing that a stranger's tokenizer says breaks
// out of it, it fetches nothing, and all modules that it needs are in it. What it looks like in a
// browser is the business of tests/web/report_test.py.
#include "tools/pages_html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "engine/base/base64.h"
#include "engine/base/json_value.h"
#include "tools/web_files.h"
#include "tools/web_modules.h"

namespace glass {
namespace {

using testing::HasSubstr;
using testing::Not;

Page page_with(const Figure& figure) {
  Page page{"attention",
            "Where the heads look",
            {"glass interp attention --ckpt out/names", "out/names", "00ff", 7, 1337, "cpu"}};
  page.figures.push_back(figure);
  return page;
}

// Every kind of figure, with these words wherever there are words.
std::vector<Figure> figures(const std::string& words) {
  Heatmap map{words, words, words, {words}, {words}, {0.5}};
  map.texts = {words};
  Chart chart;
  chart.title = chart.subtitle = chart.x_label = chart.y_label = words;
  chart.series = {{words, {{0, 1}, {1, 2}}, kBlue, Emphasis::normal}};
  return {Paragraph{words},
          map,
          Gallery{words, {map, map}},
          Bars{words, words, {{words, -1, words}}, {{words, 1}}},
          Table{words, {words}, {{words}}},
          Strip{words, {words}, {1}},
          Diagram{words, {{words, 0}, {words, 1}}, {{0, 1, 0.5, words}}},
          chart};
}

int times(const std::string& text, const std::string& part) {
  int n = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++n;
  return n;
}

std::string between(const std::string& text, const std::string& before, const std::string& after) {
  const std::size_t begin = text.find(before) + before.size();
  return text.substr(begin, text.find(after, begin) - begin);
}

TEST(PagesHtml, NoTokenBreaksOut) {
  const std::string evil =
      "</script><script>alert(1)</script><!--<script>\"'><img src=x onerror=alert(1)></pre>";
  for (const Figure& figure : figures(evil)) {
    Page page = page_with(figure);
    page.title = page.name = page.from.command = page.from.checkpoint = evil;
    const std::string html = pages_html(evil, {{page, "{\"t\":\"" + evil.substr(0, 34) + "\"}"}});
    EXPECT_THAT(html, Not(HasSubstr("<script>"))) << figure.index();
    EXPECT_THAT(html, Not(HasSubstr("<img"))) << figure.index();
    EXPECT_THAT(html, Not(HasSubstr("<!--"))) << figure.index();
    EXPECT_EQ(times(html, "<script"), 4) << "two of its own, the figures and the numbers";
    EXPECT_EQ(times(html, "</script"), 4);
    EXPECT_EQ(times(html, "</pre>"), 1);
    EXPECT_THAT(html, HasSubstr("\\u003c/script\\u003e"));
  }
}

TEST(PagesHtml, NoTokenTurnsTheWritingAroundIt) {
  const std::string turning = "abc\u202Edef\u2066";
  for (const Figure& figure : figures(turning)) {
    Page page = page_with(figure);
    page.title = page.from.command = turning;
    const std::string html = pages_html(turning, {{page, ""}});
    EXPECT_THAT(html, Not(HasSubstr("\u202E"))) << figure.index();
    EXPECT_THAT(html, Not(HasSubstr("\u2066"))) << figure.index();
    EXPECT_THAT(html, HasSubstr("abc\uFFFDdef")) << figure.index();
  }
}

TEST(PagesHtml, FetchesNothing) {
  for (const Figure& figure : figures("a")) {
    const std::string html = pages_html("Title", {{page_with(figure), "{}"}});
    EXPECT_THAT(html, HasSubstr("default-src 'none'"));
    for (const char* fetch : {" src=", "<link", "@import", "url(", "href=\"http"})
      EXPECT_THAT(html, Not(HasSubstr(fetch))) << figure.index();
  }
}

TEST(PagesHtml, OnlyItsOwnScriptsKnowThePasswordWhichNoTokenCanForesee) {
  const auto password = [](const std::string& html) {
    const std::string word = between(html, "script-src 'nonce-", "'");
    EXPECT_EQ(times(html, "nonce=\"" + word + "\""), 3) << "the style and two scripts";
    EXPECT_EQ(word.size(), 64u);
    return word;
  };
  const std::string one = password(pages_html("T", {{page_with(Paragraph{"a"}), "{}"}}));
  EXPECT_EQ(one, password(pages_html("T", {{page_with(Paragraph{"a"}), "{}"}}))) << "reproducible";
  EXPECT_NE(one, password(pages_html("T", {{page_with(Paragraph{"b"}), "{}"}})));
  EXPECT_NE(one, password(pages_html("T", {{page_with(Paragraph{"a"}), "{\"x\":1}"}})));
}

TEST(PagesHtml, WhoHasNoJavaScriptReadsThePageOfTheTerminal) {
  const Page page = page_with(Bars{"Shares", "logits", {{"head <1.0>", 2.5}}, {}});
  const std::string html = pages_html("T", {{page, "{}"}});
  const std::string text = between(html, "<pre tabindex=\"0\">", "</pre>");
  EXPECT_THAT(text, HasSubstr("head &lt;1.0&gt;"));
  EXPECT_THAT(text, HasSubstr("2.5"));
  EXPECT_THAT(text, HasSubstr("step 7, digest 00ff, seed 1337, cpu, out/names"));
  EXPECT_THAT(html, HasSubstr("<code>glass interp attention --ckpt out/names</code>"));
}

TEST(PagesHtml, NumbersTooManyForAPageStayOutAndThePageSaysSo) {
  const Page page = page_with(Paragraph{"hello"});
  const std::string many = "[" + std::string(std::size_t{5} << 20, '1') + "]";
  const std::string html = pages_html("a", {{page, many}, {page, "[2]"}});
  EXPECT_LT(html.size(), std::size_t{1} << 20);
  EXPECT_THAT(html, HasSubstr("too much for a page"));
  EXPECT_THAT(html, Not(HasSubstr("id=\"attention-data\"")));
  EXPECT_THAT(html, HasSubstr("id=\"attention-2-data\">[2]<")) << "few enough";
}

TEST(PagesHtml, SeveralPagesHaveLinksToEach) {
  const Page page = page_with(Paragraph{"p"});
  const std::string html = pages_html("Report", {{page, "{}"}, {page, "{}"}});
  EXPECT_THAT(html, HasSubstr("href=\"#attention\""));
  EXPECT_THAT(html, HasSubstr("href=\"#attention-2\""));
  EXPECT_THAT(html, HasSubstr("<section id=\"attention-2\""));
}

TEST(WebModules, AllThatAModuleImportsIsInTheMap) {
  for (const char* module : {"report.js", "app.js"}) {
    const JsonValue map = parse_json(import_map(module), module);
    const JsonValue& imports = map.at("imports", module);
    std::vector<std::string> wanted = {std::string("glass/") + module};
    for (const auto& [name, address] : imports.fields) {
      const std::string start = "data:text/javascript;base64,";
      ASSERT_EQ(address.text.compare(0, start.size(), start), 0) << name;
      std::string text;
      ASSERT_TRUE(from_base64(address.text.substr(start.size()), text)) << name;
      EXPECT_THAT(text, Not(HasSubstr("'./"))) << name << " would look beside a data: address";
      for (std::size_t at = 0; (at = text.find(" from '", at)) != std::string::npos; ++at)
        wanted.push_back(between(text.substr(at), " from '", "'"));
    }
    for (const std::string& name : wanted)
      EXPECT_TRUE(imports.find(name) != nullptr) << name << " of " << module;
    EXPECT_GE(imports.fields.size(), 8u);
  }
}

// A browser finds out only when somebody opens the page.
TEST(WebModules, ANameThatIsImportedIsExported) {
  const std::regex imports("import \\{([^}]*)\\}\\s*from '\\./([^']*)'"), word("\\w+");
  int names = 0;
  for (const auto& entry : std::filesystem::directory_iterator(GLASS_SOURCE_DIR "/tools/web")) {
    const std::string file = entry.path().filename().string();
    if (entry.path().extension() != ".js") continue;
    const std::string text = web_file("/" + file).value().bytes;
    for (std::sregex_iterator it(text.begin(), text.end(), imports), end; it != end; ++it) {
      const std::string from = (*it)[2], list = (*it)[1];
      const auto source = web_file("/" + from);
      ASSERT_TRUE(source) << file << " imports from " << from;
      for (std::sregex_iterator at(list.begin(), list.end(), word); at != end; ++at, ++names) {
        const std::regex exported("export (async )?(function|class|const) " + at->str() + "\\b");
        EXPECT_TRUE(std::regex_search(source->bytes, exported))
            << file << " imports " << at->str() << " from " << from;
      }
    }
  }
  EXPECT_GT(names, 100) << "or this test has not read the imports";
}

}   // namespace
}   // namespace glass
