// What can happen in a story. stories.cpp says who it happens to, and where.
#pragma once
#include <span>
#include <string_view>

namespace glass {

// A plot is a list of paragraphs with gaps. The words it may use:
//   hero friend helper               names, and "the old baker"
//   he him his himself               of the hero; fhe ... of the friend, hhe ... of the helper
//   kind fkind helperkind            "girl", "young fox", "old baker"
//   place there spot1 spot2 spot3    "the park", "in the park", "under the old bench"
//   thing color bare                 "red kite", "red", "kite"
//   ware1-3 food1-3 gift             "jar of honey", "carrot", "paper crown"
//   project material plant baby animal fear hiding mood trait
struct StoryPlot {
  std::string_view name;
  std::span<const std::string_view> paragraphs;
};
std::span<const StoryPlot> story_plots();

}   // namespace glass
