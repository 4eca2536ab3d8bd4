// What a test asks the stand-in for Metal, which is a library of its own: its function
// metal_stand_in_books() returns this.
#pragma once
#include <cstddef>
#include <string>
#include <vector>

namespace glass::stand_in {

struct Books {
  // What happened.
  std::vector<std::string>
      mistakes;                   // against the rules of Objective-C and Metal, each a sentence
  int live_objects = 0;           // objects that somebody still holds
  int launches = 0;               // groups of threads that ran, over all
  std::size_t buffer_bytes = 0;   // in buffers that are alive

  // What there is.
  std::size_t memory_bytes = std::size_t{1} << 30;
  unsigned long family_apple = 1007, family_metal = 5001;   // the newest of each that it belongs to
  bool has_gpu = true;
};

}   // namespace glass::stand_in
