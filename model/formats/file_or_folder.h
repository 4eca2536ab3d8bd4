// What a path that a user gave leads to. Formats are recognised by what is there, never by a name.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "engine/base/byte_source.h"

namespace glass {

class FileOrFolder {
 public:
  explicit FileOrFolder(const std::string& path);   // SystemError, ContentError: see FileSource
  const std::string& path() const { return path_; }
  bool is_folder() const { return !source_; }

  const ByteSource& source() const { return *source_; }   // of a file
  std::string first_bytes(std::size_t count) const;       // of a file; fewer where it is shorter
  // Of a file: does it begin with these bytes? A folder begins with nothing.
  bool begins_with(std::string_view bytes) const;

  bool holds(const std::string& name) const;   // a folder: is there a file of this name?
  std::vector<std::string> names() const;      // of the files in a folder, sorted; of a file: none
  std::string inside(const std::string& name) const;   // its path

 private:
  std::string path_;
  std::optional<FileSource> source_;
};

std::string all_bytes(const ByteSource& source,
                      std::uint64_t most);   // ContentError if it has more

}   // namespace glass
