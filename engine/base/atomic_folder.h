// A new folder of files that is there whole or not at all: it is filled under a temporary name
// beside its place, and one rename puts it there when everything in it is safely on the disk.
//
//   AtomicFolder folder("out/gpt2");
//   write_file(folder / "config.json", config);
//   folder.publish();
//
// Where a step fails there is an Error, and what was written so far is removed.
#pragma once
#include <string>

namespace glass {

class AtomicFolder {
 public:
  // Makes the folders above it. UsageError where the place is taken: by a file, or by a folder with
  // something in it, which is never replaced.
  explicit AtomicFolder(const std::string& path);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  std::string operator/(const std::string& name) const { return temporary_ + "/" + name; }
  const std::string& path() const { return path_; }   // where it will be, without a / at its end
  void publish();

 private:
  std::string path_, above_, temporary_;   // temporary_ is "" once there is nothing to remove
};

}   // namespace glass
