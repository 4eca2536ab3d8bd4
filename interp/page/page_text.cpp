// A page in letters, for a terminal: the title, the figures, and where it is from.
#include "engine/base/text.h"
#include "interp/page/figure_text.h"

namespace glass {

std::string from_words(const Provenance& from) {
  std::vector<std::string> words = {"step " + std::to_string(from.step)};
  if (!from.digest.empty()) words.push_back("digest " + from.digest);
  words.push_back("seed " + std::to_string(from.seed));
  if (!from.device.empty()) words.push_back(from.device);
  if (!from.checkpoint.empty()) words.push_back(from.checkpoint);
  return join(words, ", ");
}

std::string page_text(const Page& page, const PageTextOptions& options) {
  std::string out = heading(page.title, options);
  for (const Figure& figure : page.figures) {
    out += "\n";
    out += std::visit([&](const auto& f) { return figure_text(f, options); }, figure);
  }
  return out + "\n" + dim(cut(safe_letters(from_words(page.from)), options.columns), options) +
         "\n";
}

}   // namespace glass
