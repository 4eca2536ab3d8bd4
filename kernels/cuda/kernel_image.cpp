#include "kernels/cuda/kernel_image.h"

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string_view>
#include <system_error>

#include "kernels/cuda/nvrtc.h"
#include "kernels/gpu/kernel_text.h"
#include "kernels/user_cache.h"

namespace glass::cuda {
namespace {

struct Image {
  int capability;         // the least that it runs on
  bool only;              // it runs on no other: it has instructions of that generation alone
  const char* arch;       // what compilers call it: "80", "90a"
  const char* version;    // the oldest one of PTX that has all that is used
  std::string_view ptx;   // from nvcc; empty: there was none when the program was built
};
#include "kernels/gpu/images.inc"   // kImages, the best first

const Image& image_for(int capability) {
  for (const Image& image : kImages)
    if (image.only ? image.capability == capability : image.capability <= capability) return image;
  return *std::rbegin(kImages);
}

// A compiler states the version of PTX that it knows itself, and drivers that are older refuse
// that. So the one that the kernels need is stated instead. Of what nvcc writes, only a hint is
// younger.
std::string with_version(std::string_view ptx, std::string_view version) {
  std::string all;
  all.reserve(ptx.size());
  for (std::size_t at = 0; at < ptx.size();) {
    const std::string_view line = ptx.substr(at, ptx.find('\n', at) - at);
    at += line.size() + 1;
    if (line.starts_with("\t.pragma \"used_bytes_mask ")) continue;
    if (line.starts_with(".version ")) all.append(".version ").append(version);
    else all.append(line);
    all += '\n';
  }
  return all;
}

std::string fnv1a(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
  return digits;
}

// A file that holds a text, and first its length and hash, so that a damaged one is made again.
std::string header_of(std::string_view text) {
  return "// " + std::to_string(text.size()) + " " + fnv1a(text) + "\n";
}
std::string read_kept(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string header;
  if (!std::getline(file, header)) return "";
  const std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  return header + "\n" == header_of(text) ? text : "";
}
void keep(const std::string& path, const std::string& text) {
  namespace fs = std::filesystem;
  std::error_code fault;
  fs::create_directories(fs::path(path).parent_path(), fault);
  const std::string unfinished = path + ".part" + std::to_string(::getpid());
  std::ofstream file(unfinished, std::ios::binary);
  file << header_of(text) << text;
  file.close();
  if (file) fs::rename(unfinished, path, fault);
  fs::remove(unfinished, fault);   // where the disk is full, the next run compiles again
}

}   // namespace

bool can_have_image(std::string& why) { return !kImages[0].ptx.empty() || find_nvrtc(why); }

std::string kernel_image(int capability, std::string& why) {
  const Image& image = image_for(capability);
  if (image.ptx.empty()) return image_by_nvrtc(capability, why);
  return with_version(image.ptx, image.version);
}

std::string image_by_nvrtc(int capability, std::string& why) {
  const Image& image = image_for(capability);
  const Nvrtc* nvrtc = find_nvrtc(why);
  if (!nvrtc) return "";
  const std::string_view source = gpu::kernel_text();
  const std::string folder = user_cache_folder();
  const std::string path = folder.empty() ? ""
                                          : folder + "/kernels-" + nvrtc->version() + "-" +
                                                image.arch + "-" + fnv1a(source) + ".ptx";
  if (!path.empty())
    if (const std::string kept = read_kept(path); !kept.empty())
      return with_version(kept, image.version);
  const std::string ptx = nvrtc->compile(std::string(source), image.arch, why);
  if (!ptx.empty() && !path.empty()) keep(path, ptx);
  return with_version(ptx, image.version);
}

}   // namespace glass::cuda
