#include "tests/gpu/metal/stand_in/program.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <stdexcept>

namespace glass::stand_in {
namespace {

// What the program calls when its threads wait for each other, in the order of metal_stdlib's
// struct StandIn.
struct Calls {
  emulator::Where (*here)();
  void (*barrier)(const char*, int);
  void (*warp)(emulator::Exchange, void*, const char*, int);
  void* (*shared)(std::size_t, const char*);
};

std::string read(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string output_of(const std::string& command) {
  std::FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) throw std::runtime_error("cannot run " + command);
  std::string text;
  char piece[4096];
  while (const std::size_t n = std::fread(piece, 1, sizeof piece, pipe)) text.append(piece, n);
  if (pclose(pipe) != 0) throw std::runtime_error(text);
  return text;
}

std::uint64_t hash(const std::string& text) {   // FNV-1a
  std::uint64_t h = 0xcbf29ce484222325u;
  for (const char c : text) h = (h ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return h;
}

// clang reads attributes and pragmas as Metal's compiler does, which is made of it; g++ is good
// enough to run.
std::string compiler() {
  if (const char* named = std::getenv("GLASS_METAL_COMPILER")) return named;
  for (const char* name : {"clang++", "g++", "c++"})
    if (std::system(("command -v " + std::string(name) + " >/dev/null 2>&1").c_str()) == 0)
      return name;
  throw std::runtime_error(
      "neither clang++ nor g++ is installed, which stand in for the compiler of Metal");
}

// Metal contracts a * b + c to one operation wherever the text does not forbid it.
std::string flags_for(const CompileOptions& options, const std::string& name) {
  std::string flags =
      "-x c++ -std=c++14 -O2 -g1 -w -fPIC -shared -fvisibility=hidden -D__METAL_VERSION__=" +
      std::to_string((options.language >> 16) * 100 + (options.language & 0xffff) * 10) +
      " -I" GLASS_SOURCE_DIR "/tests/gpu/metal/stand_in";
  flags += name.find("clang") != std::string::npos ? " -ffp-contract=fast" : " -ffp-contract=off";
#ifdef __x86_64__
  if (__builtin_cpu_supports("fma")) flags += " -mfma";
#endif
  return flags + (options.fast_math ? " -ffast-math" : "");
}

// What a parameter of a kernel is by its attribute.
const std::map<std::string, std::string> kAttributes = {
    {"buffer(0)", "*static_cast<const ARGS*>(args)"},
    {"thread_index_in_threadgroup", "w.id"},
    {"thread_index_in_simdgroup", "w.id % 32"},
    {"simdgroup_index_in_threadgroup", "w.id / 32"},
    {"threads_per_threadgroup", "uint3{w.size, 1, 1}"},
    {"threadgroup_position_in_grid", "w.group"},
};

// The entry of a kernel, to stand in front of it: (name, most threads, function, parameters).
std::string entry_of(const std::smatch& kernel) {
  static const std::regex kParameter(R"(([\w ]+&?)\s+\w+\s*\[\[([\w()]+)\]\])");
  const std::string parameters = kernel[4], function = kernel[3];
  std::string values, args, declared;
  for (std::sregex_iterator p(parameters.begin(), parameters.end(), kParameter), end; p != end;
       ++p) {
    const std::string type = (*p)[1], attribute = (*p)[2];
    const auto known = kAttributes.find(attribute);
    if (known == kAttributes.end())
      throw std::runtime_error("kernel " + function + ": unknown attribute " + attribute);
    if (attribute == "buffer(0)")
      args = std::regex_replace(type, std::regex(R"(\s*constant\s+(\w+)\s*&)"), "$1");
    declared += (declared.empty() ? "" : ", ") + type;
    values +=
        (values.empty() ? "" : ", ") + std::regex_replace(known->second, std::regex("ARGS"), args);
  }
  return "static void " + function + "(" + declared + "); static const ::metal_stand_in::Entry " +
         function + "_entry(\"" + std::string(kernel[1]) + "\", " + std::string(kernel[2]) +
         ", sizeof(" + args +
         "), [](const void* args) { const auto w = ::metal_stand_in::here(); " + function + "(" +
         values + "); }); ";
}

}   // namespace

std::string as_cpp(const std::string& preprocessed) {
  // threadgroup alignas(16) float rows [4][64];   in a kernel is memory of the group.
  static const std::regex kVariable(
      R"(threadgroup\s+alignas\((\d+)\)\s+(\w+)\s+(\w+)\s*((?:\[[^\]]*\])+);)");
  // [[kernel, host_name("NAME"), max_total_threads_per_threadgroup(THREADS)]] void FUNCTION(PARAMETERS)
  static const std::regex kKernel(
      R"~(\[\[kernel, host_name\("(\w+)"\), max_total_threads_per_threadgroup\((\d+)\)\]\]\s+void\s+)~"
      R"~((\w+)\(((?:[^()]|\(\w*\))*)\))~");
  std::string text = std::regex_replace(
      preprocessed, kVariable,
      "typedef $2 $3_array $4; $3_array& $3 = *static_cast<$3_array*>(::metal_stand_in::shared(sizeof($3_array), \"$3\"));");
  std::string result =
      "#define device\n#define constant const\n#define threadgroup\n#define thread\n";
  std::size_t at = 0;
  for (std::sregex_iterator k(text.begin(), text.end(), kKernel), end; k != end; ++k) {
    const std::size_t begin = static_cast<std::size_t>(k->position());
    result += text.substr(at, begin - at) + entry_of(*k);
    at = begin;
  }
  return result + text.substr(at);
}

Program::Program(const std::string& text, CompileOptions options) {
  const std::string with = compiler(), flags = flags_for(options, with);
  const std::string library_text = read(GLASS_SOURCE_DIR "/tests/gpu/metal/stand_in/metal_stdlib");
  const std::string folder = GLASS_BINARY_DIR "/metal_stand_in";
  std::ostringstream name;
  name << folder << "/" << std::hex
       << hash(text + library_text + flags + output_of(with + " --version 2>&1"));
  const std::string path = name.str();
  mkdir(folder.c_str(), 0777);
  // One of the programs that want it compiles, the others wait.
  const int lock = open((path + ".lock").c_str(), O_CREAT | O_RDWR, 0666);
  if (lock < 0 || flock(lock, LOCK_EX) != 0) throw std::runtime_error("cannot write to " + folder);
  if (access((path + ".so").c_str(), R_OK) != 0) {
    try {
      std::ofstream(path + ".metal") << text;
      std::ofstream(path + ".cpp")
          << as_cpp(output_of(with + " -E " + flags + " " + path + ".metal 2>&1"));
      (void)output_of(with + " " + flags + " -o " + path + ".part " + path + ".cpp 2>&1");
    } catch (...) {
      close(lock);
      throw;
    }
    std::rename((path + ".part").c_str(), (path + ".so").c_str());
  }
  close(lock);
  library_ = dlopen((path + ".so").c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library_) throw std::runtime_error(dlerror());
  const auto connect =
      reinterpret_cast<const Entry* (*)(const Calls*)>(dlsym(library_, "metal_program_connect"));
  if (!connect) throw std::runtime_error("the text does not include <metal_stdlib>");
  static const Calls calls = {emulator::here, emulator::barrier, emulator::warp, emulator::shared};
  entries_ = connect(&calls);
}

const Entry* Program::find(const std::string& name) const {
  for (const Entry* e = entries_; e; e = e->next)
    if (name == e->name) return e;
  return nullptr;
}

}   // namespace glass::stand_in
