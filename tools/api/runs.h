// The runs in a folder, by small numbers. A page names a run by its number and never by a path:
// what is not in the list cannot be asked for.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "tools/api/run_log.h"

namespace glass {

struct RunPlace {
  int id = -1;
  std::string name, path;   // "names", "out/names"
};

// The steps that it has checkpoints of; none where it is gone since it was listed.
std::vector<std::int64_t> steps_of(const RunPlace& run);

// A file of its folder; "" where it cannot be read.
std::string text_in(const RunPlace& run, const char* name);
// config.toml: `key = value` lines in their order, each value in its own spelling.
std::vector<std::pair<std::string, std::string>> settings_of(const RunPlace& run);
// "4 layers of 4 heads, 128 channels"; "" where its settings do not say.
std::string size_of(const RunPlace& run);

// A number for each name that was ever seen, for as long as the program runs.
class SmallNumbers {
 public:
  int of(const std::string& name);

 private:
  std::mutex guard_;
  std::map<std::string, int> numbers_;
};

class Runs {
 public:
  explicit Runs(std::string folder) : folder_(std::move(folder)) {}

  std::vector<RunPlace> list();   // looks at the folder; by name
  RunPlace at(std::int64_t id);   // ApiError 404
  RunLog& log(const RunPlace& run);

  const std::string& folder() const { return folder_; }

 private:
  std::string folder_;
  SmallNumbers numbers_;
  std::mutex guard_;   // of logs_
  std::map<std::string, std::unique_ptr<RunLog>> logs_;
};

}   // namespace glass
