// data/names.txt: its form, and that the binary holds exactly the file.
#include <gtest/gtest.h>

#include <set>
#include <string>

#include "engine/base/files.h"
#include "engine/base/text.h"
#include "model/builtin_names.h"

namespace glass {
namespace {

std::vector<std::string> names() {
  std::vector<std::string> lines = split(builtin_names(), '\n');
  lines.pop_back();   // after the last line end
  return lines;
}

TEST(Names, TheBinaryHoldsTheFile) {
  EXPECT_EQ(read_text_file(std::string(GLASS_SOURCE_DIR) + "/data/names.txt", "the names"),
            builtin_names());
}

TEST(Names, EveryLineIsOneLowerCaseName) {
  ASSERT_EQ(builtin_names().back(), '\n');
  for (const std::string& name : names()) {
    EXPECT_GE(name.size(), 2u) << name;
    EXPECT_LE(name.size(), 15u) << name << ": microgpt sees 16 positions, one of them the start";
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz"), std::string::npos) << name;
  }
}

TEST(Names, ThereAreEnoughAndNoneTwiceAndEveryLetterOccurs) {
  const std::vector<std::string> all = names();
  EXPECT_GE(all.size(), 3000u);
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), all.size());
  const std::string_view text = builtin_names();
  const std::set<char> letters(text.begin(), text.end());
  EXPECT_EQ(letters.size(), 27u) << "26 letters and the line end";
}

}   // namespace
}   // namespace glass
