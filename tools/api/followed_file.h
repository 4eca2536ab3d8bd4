// A text file that somebody else writes at, read as it grows: whoever asks gets the lines that were
// finished since the last time. Half a line is left for later.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace glass {

class FollowedFile {
 public:
  explicit FollowedFile(std::string path) : path_(std::move(path)) {}

  struct News {
    bool anew = false;   // the file is another one, or was cut back: these are all its lines
    std::vector<std::string> lines;
  };
  News read();   // nothing where there is no file

 private:
  bool goes_on(int file, std::int64_t size) const;

  std::string path_;
  std::int64_t read_ = 0;   // bytes of finished lines
  std::string end_;         // the last of them, to see whether they are still there
};

}   // namespace glass
