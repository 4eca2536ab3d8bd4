#include "model/source.h"

#include <filesystem>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/file_ops.h"
#include "engine/base/files.h"
#include "engine/base/text.h"
#include "model/corpora/corpora.h"
#include "model/public_data.h"

namespace glass {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostBytes = std::int64_t{1} << 33;

// "texts/book.txt" -> "book"
std::string stem_of(const std::string& path) {
  const std::string name = split_path(path).name;
  const std::size_t dot = name.rfind('.');
  return dot == std::string::npos || dot == 0 ? name : name.substr(0, dot);
}

[[noreturn]] void refuse_source(const std::string& source) {
  std::vector<std::string> made, all;
  for (const Corpus& corpus : corpora()) made.emplace_back(corpus.name);
  all = made;
  for (const PublicFile& file : public_files())
    if (file.text) all.emplace_back(file.name);
  const std::string near = nearest(source, all);
  fail(SystemError("there is no file " + in_quotes(source) + " and no data set of this name" +
                   (near.empty() ? "; the data sets are " + list_of(made, "and") +
                                       " (see glass data list for more)."
                                 : "; did you mean " + near + "?")));
}

SourceText fetched(const PublicFile& file) {
  const std::string path = data_folder() + "/" + std::string(file.file);
  std::error_code fault;
  if (!fs::exists(path, fault)) {
    const std::string name(file.name);
    fail(SystemError("the data set " + name +
                     " is not on this machine; to download it: glass "
                     "data fetch " +
                     name + " --run"));
  }
  return {std::string(file.name), path, read_text_file(path, "the text", kMostBytes),
          std::string(file.separator)};
}

}   // namespace

SourceText read_source(const std::string& source) {
  if (const Corpus* corpus = find_corpus(source)) {
    return {source, std::string(corpus->what), make_corpus(*corpus, corpus->documents, kCorpusSeed),
            std::string(corpus->separator)};
  }
  std::error_code fault;
  if (fs::exists(source, fault))
    return {stem_of(source), source, read_text_file(source, "the text", kMostBytes), ""};
  if (const PublicFile* file = find_public_file(source); file != nullptr && file->text)
    return fetched(*file);
  refuse_source(source);
}

}   // namespace glass
