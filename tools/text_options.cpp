#include "tools/text_options.h"

#include <filesystem>

#include "engine/base/atomic_file.h"
#include "engine/base/error.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"
#include "model/corpus.h"
#include "model/tokenizer/open.h"
#include "tools/terminal.h"

namespace glass {

std::string with_escapes(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char next = text[i] == '\\' && i + 1 < text.size() ? text[i + 1] : '\0';
    const std::size_t which =
        next == '\0' ? std::string_view::npos : std::string_view("nt\\").find(next);
    if (which == std::string_view::npos) {
      out += text[i];
    } else {
      out += "\n\t\\"[which];
      ++i;
    }
  }
  return out;
}

TokenizerPtr chosen_tokenizer(const Arguments& args) {
  const std::string& spec = args.text("tokenizer");
  if (is_tokenizer_path(spec)) return open_tokenizer(spec);
  check_tokenizer_spec(spec);
  const std::string& ranks = args.text("ranks");
  if (!learns_from_text(spec)) return make_tokenizer(spec, "", "", ranks);
  if (!args.has("corpus")) {
    fail(UsageError("--tokenizer " + spec +
                    " learns from a text: name it with --corpus, or name a tokenizer that has "
                    "learned already (a tokenizer.json, a vocab.json, a meta.pkl, a checkpoint)."));
  }
  const SourceText source = read_source(args.text("corpus"));
  return tokenizer_for_text(source.text, spec, source.separator, in_quotes(args.text("corpus")),
                            ranks);
}

std::string shown_token(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    std::u32string letters;
    const std::size_t good = decode_utf8(bytes, letters);
    out += bytes.substr(0, good);
    if (good < bytes.size()) {
      out += format("\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(bytes[good])));
      bytes.remove_prefix(good + 1);
    } else {
      bytes.remove_prefix(good);
    }
  }
  return in_quotes(out);
}

void write_whole_file(const std::string& path, std::string_view bytes) {
  if (path == "-") return print(bytes);
  write_file(path, bytes);
}

void refuse_to_overwrite(const std::string& path, const Arguments& args) {
  std::error_code fault;
  if (std::filesystem::is_directory(path, fault) && !std::filesystem::is_empty(path, fault))
    fail(UsageError(in_quotes(path) + " is a folder with things in it; choose another -o."));
  if (!args.flag("overwrite") && std::filesystem::is_regular_file(path, fault))
    fail(UsageError(in_quotes(path) + " is there already; choose another -o, or --overwrite it."));
}

void refuse_unwritable(const std::string& path) {
  if (path == "-") return;
  namespace fs = std::filesystem;
  std::error_code fault;
  if (fs::is_directory(path, fault))
    fail(
        SystemError("cannot write " + in_quotes(path) + ": it is a directory; name a file in it."));
  const fs::path folder = fs::path(path).parent_path();
  if (!folder.empty() && !fs::is_directory(folder, fault))
    fail(SystemError("cannot write " + in_quotes(path) + ": there is no folder " +
                     in_quotes(folder.string()) + "; make it first, or check the spelling."));
}

}   // namespace glass
