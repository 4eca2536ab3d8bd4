// A text by the name that a user gives it: a file, a data set of this program, or a public one that
// has been fetched.
#pragma once
#include <string>

namespace glass {

struct SourceText {
  std::string name;     // "tinyshakespeare": good for naming a folder
  std::string origin;   // where it came from, for people
  std::string text;
  std::string separator;   // between its documents; "": it does not say
};

// SystemError where there is no such thing, with the nearest name.
SourceText read_source(const std::string& source);

}   // namespace glass
