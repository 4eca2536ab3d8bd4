// The page in the browser computes the colours of maps itself (tools/web/colours.js). Both sides
// are held to one table, tests/web/colours.txt: this test on the side of C++,
// tests/web/analysis_test.py in the browser.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "engine/base/text.h"
#include "interp/draw/colour_map.h"

namespace glass {
namespace {

std::string word_of(Colour c) { return format("#%02x%02x%02x", c.r, c.g, c.b); }

TEST(PageColours, AreThoseOfTheTableThatTheBrowserIsHeldTo) {
  std::ifstream file(std::string(GLASS_SOURCE_DIR) + "/tests/web/colours.txt");
  int rows = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    double share = -1;
    ASSERT_TRUE(words >> share) << line;
    for (const ColourMap map : {ColourMap::rising, ColourMap::diverging}) {
      for (const Ground ground : {Ground::paper, Ground::terminal}) {
        std::string expected;
        ASSERT_TRUE(words >> expected) << line;
        EXPECT_EQ(word_of(colour_at(map, share, ground)), expected) << "share " << share;
      }
    }
    ++rows;
  }
  EXPECT_EQ(rows, 33) << "tests/web/colours.txt is missing, or in another form";
}

}   // namespace
}   // namespace glass
