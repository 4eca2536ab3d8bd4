// Files on the network that are worth having: where they are, how large, and the SHA-256 that tells
// the right file from another. Nothing here downloads anything: `glass data fetch` shows the
// command, and runs it when asked to.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace glass {

struct PublicFile {
  std::string_view name;   // "tinyshakespeare"
  std::string_view file;   // what it is called on disk
  std::string_view what, licence;
  std::string_view url;
  std::int64_t bytes;   // 0: not known
  std::string_view sha256;
  // Texts only: `glass train NAME` learns from it. What stands between its documents; "": one text.
  bool text = false;
  std::string_view separator = {};
};

std::span<const PublicFile> public_files();
const PublicFile* find_public_file(std::string_view name);   // null: none of this name

// Where fetched files are kept: $GLASS_DATA, or $XDG_DATA_HOME/glass, or ~/.local/share/glass.
std::string data_folder();

}   // namespace glass
