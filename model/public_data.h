// Files on the network that are worth having: where they are, how large, and the SHA-256 that tells
// the right file from another. Nothing here downloads anything: `glass data fetch` shows the
// command, and runs it when asked to.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>
#include <vector>

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
  // Models only: `--ckpt NAME` is where this file lies, or its folder; and the files that belong to
  // it and are fetched with it, by name, with spaces between them.
  std::string_view ckpt = {};
  std::string_view with = {};
};

std::span<const PublicFile> public_files();
const PublicFile* find_public_file(std::string_view name);   // null: none of this name

std::vector<const PublicFile*> with_companions(const PublicFile& file);   // itself first

// What --ckpt NAME means: a path as it is; for a model by name, where it was fetched to.
// SystemError, with the command that fetches it, where it is not there.
std::string path_of_model(const std::string& said);

// Where fetched files are kept: $GLASS_DATA, or $XDG_DATA_HOME/glass, or ~/.local/share/glass.
std::string data_folder();
// All places where they may be: the one above, and where it would be without $GLASS_DATA.
std::vector<std::string> data_folders();

}   // namespace glass
