// Text that arrives in pieces of bytes, made fit to be shown while it arrives. A token may end in
// the middle of a letter, and a stop text may begin in one token and end in another: bytes wait
// until it is clear what they are.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace glass {

class TextStream {
 public:
  // Where one of `stops` appears, the text ends in front of it.
  explicit TextStream(std::vector<std::string> stops = {}) : stops_(std::move(stops)) {}

  // What can be shown now: whole letters, none of them part of what may become a stop text. Bytes
  // that cannot be part of a letter become U+FFFD.
  std::string push(std::string_view bytes);
  // What is left when nothing more comes; half a letter becomes U+FFFD.
  std::string finish();

  bool stopped() const { return stopped_; }   // a stop text came; nothing more will be shown

 private:
  std::vector<std::string> stops_;
  std::string waiting_;
  bool stopped_ = false;
};

}   // namespace glass
