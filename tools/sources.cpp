#include "tools/sources.h"

#include <algorithm>

namespace glass {
namespace {

const char kMicrogpt[] = {
#include "model/microgpt.cpp.inc"
};
const char kMicrogptHeader[] = {
#include "model/microgpt.h.inc"
};
const char kMicrogptTensor[] = {
#include "model/microgpt_tensor.cpp.inc"
};
const char kValue[] = {
#include "engine/value.cpp.inc"
};
const char kValueHeader[] = {
#include "engine/value.h.inc"
};

template <std::size_t n>
constexpr SourceFile file(std::string_view path, const char (&bytes)[n]) {
  return {path.substr(path.rfind('/') + 1), path, {bytes, n}};
}

const SourceFile kFiles[] = {
    file("engine/value.h", kValueHeader),
    file("engine/value.cpp", kValue),
    file("model/microgpt.h", kMicrogptHeader),
    file("model/microgpt.cpp", kMicrogpt),
    file("model/microgpt_tensor.cpp", kMicrogptTensor),
};

}   // namespace

std::span<const SourceFile> source_files() { return kFiles; }

const SourceFile* find_source(std::string_view name) {
  const auto found = std::find_if(std::begin(kFiles), std::end(kFiles), [&](const SourceFile& f) {
    return f.name == name || f.path == name;
  });
  return found == std::end(kFiles) ? nullptr : found;
}

std::string_view line_of(std::string_view text, int number) {
  for (int i = 1; i < number && !text.empty(); ++i)
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
  text = text.substr(0, text.find('\n'));
  return text.substr(std::min(text.find_first_not_of(' '), text.size()));
}

}   // namespace glass
