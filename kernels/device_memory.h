// A device has no memory left: a std::bad_alloc that says how much was wanted and how much there
// is.
#pragma once
#include <new>
#include <string>
#include <utility>

namespace glass {

class OutOfDeviceMemory : public std::bad_alloc {
 public:
  explicit OutOfDeviceMemory(std::string sentence) : sentence_(std::move(sentence)) {}
  const char* what() const noexcept override { return sentence_.c_str(); }

 private:
  std::string sentence_;
};

}   // namespace glass
