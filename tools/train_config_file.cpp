// Two halves: lines to settings, and settings to lines.
#include "tools/train_config_file.h"

#include <algorithm>
#include <filesystem>

#include "engine/base/files.h"
#include "engine/base/json.h"
#include "engine/base/json_value.h"
#include "engine/base/text.h"
#include "model/corpora/corpora.h"
#include "model/tokenizer/open.h"
#include "tools/text_options.h"

namespace glass {
namespace {

namespace fs = std::filesystem;

// ---- reading ------------------------------------------------------------------------------------

std::string trimmed(std::string_view text) {
  const auto space = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && space(text.front())) text.remove_prefix(1);
  while (!text.empty() && space(text.back())) text.remove_suffix(1);
  return std::string(text);
}

bool begins_with(std::string_view text, std::string_view start) {
  return text.substr(0, start.size()) == start;
}

// `line` up to a # that does not stand inside quotes.
std::string without_comment(const std::string& line) {
  char quote = 0;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (quote != 0 && line[i] == '\\') ++i;
    else if (quote != 0) quote = line[i] == quote ? '\0' : quote;
    else if (line[i] == '"' || line[i] == '\'') quote = line[i];
    else if (line[i] == '#') return line.substr(0, i);
  }
  return line;
}

// A text without its quotes, and with what its escapes stand for; anything else as it is. Texts in
// double quotes are JSON's, as we write them.
std::string unquoted(const std::string& value, const std::string& place) {
  const bool quoted = value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
                      value.back() == value.front();
  if (!quoted) return value;
  if (value.front() == '"') return parse_json(value, place).string(place);
  std::string inside = value.substr(1, value.size() - 2);
  for (std::size_t at; (at = inside.find("\\'")) != std::string::npos;) inside.erase(at, 1);
  return with_escapes(inside);
}

// "1_000" and "5 * 8 * 2" are numbers in Python.
std::string as_number(std::string value, const std::string& place) {
  value.erase(std::remove(value.begin(), value.end(), '_'), value.end());
  std::int64_t product = 1;
  for (const std::string& factor : split(value, '*')) {
    std::int64_t n = 0;
    if (parse_integer(trimmed(factor), n) != NumberFault::none) return value;
    if (__builtin_mul_overflow(product, n, &product))
      fail(ContentError(place + ": " + in_quotes(value) + " is too large to be represented."));
  }
  return std::to_string(product);
}

// Whether a config has a field of this name that a file may set. The data decide the vocabulary.
bool is_field(const std::string& key) {
  bool found = false;
  const auto look = [&](const char* name, const auto&) { found = found || key == name; };
  const GPTConfig model;
  const TrainConfig train;
  each_field(model, look);
  each_field(train, look);
  return found && key != "vocab_size";
}

void read_setting(Arguments& args, const std::string& key, const std::string& value,
                  const std::string& place) {
  const std::string text = unquoted(value, place);
  if (text.empty()) return;
  const Option* option = key == "config" ? nullptr : find_option(args.command(), key);
  if (option) {
    args.offer(*option, option->type == Type::integer ? as_number(value, place) : text,
               Source::config, place + ": " + key);
  } else if (is_field(key)) {
    args.set_field(key, {text, place + ": " + key});
  } else {
    fail(ContentError(place + ": there is no setting " + in_quotes(key) +
                      "; see glass train --help."));
  }
}

}   // namespace

std::vector<std::string> read_config(Arguments& args, const std::string& path) {
  const std::string text = read_text_file(path, "the config", 1 << 20);
  std::vector<std::string> notes;
  int number = 0;
  for (const std::string& raw : split(text, '\n')) {
    const std::string place = path + ", line " + std::to_string(++number);
    const std::string line = trimmed(without_comment(raw));
    const std::size_t equals = line.find('=');
    const std::string key = trimmed(line.substr(0, equals));
    if (line.empty()) continue;
    const bool import = begins_with(line, "import ") || begins_with(line, "from ");
    if (!import && equals == std::string::npos) {
      fail(ContentError(place + ": " + in_quotes(line) +
                        " is not `key = value`; nothing else is understood here."));
    }
    const std::string value = import ? "" : trimmed(line.substr(equals + 1));
    const bool log = begins_with(key, "wandb_") && !find_option(args.command(), key);
    if (import || log || value == "None")
      notes.push_back(place + ": " + in_quotes(line) + " has no effect here.");
    else read_setting(args, key, value, place);
  }
  return notes;
}

namespace {

[[noreturn]] void refuse(const Arguments::Setting& s, const std::string& wanted) {
  fail(ContentError(s.place + ": " + in_quotes(s.value) + " is not " + wanted + "."));
}

void read_field(const Arguments::Setting& s, bool& field) {
  if (!flag_value(s.value, field)) refuse(s, "true or false");
}
void read_field(const Arguments::Setting& s, std::int64_t& field) {
  const NumberFault fault = parse_integer(as_number(s.value, s.place), field);
  if (fault != NumberFault::none || field < 0 || field > std::int64_t{1} << 53)
    refuse(s, "a whole number from 0 to 2^53");
}
void read_field(const Arguments::Setting& s, double& field) {
  if (parse_number(s.value, field) != NumberFault::none || field < 0)
    refuse(s, "a number, at least 0");
}
void read_field(const Arguments::Setting& s, std::string& field) { field = s.value; }
template <class Enum, std::enable_if_t<std::is_enum_v<Enum>, int> = 0>
void read_field(const Arguments::Setting& s, Enum& field) {
  if (!read_name(s.value, field)) refuse(s, "one of " + list_of(names_of<Enum>(), "or"));
}

template <class Config>
void put_all(const Arguments& args, Config& config) {
  each_field(config, [&](const char* name, auto& field) {
    if (const Arguments::Setting* said = args.field(name)) read_field(*said, field);
  });
}

}   // namespace

void put_fields(const Arguments& args, GPTConfig& model) { put_all(args, model); }
void put_fields(const Arguments& args, TrainConfig& train) { put_all(args, train); }

// ---- writing ------------------------------------------------------------------------------------

namespace {

struct Line {
  std::string key, value;
  std::string text() const { return key + " = " + value; }
};

std::string text_value(const std::string& text) { return Json().value(text).text(); }

template <class Config>
void add_fields(std::vector<Line>& lines, const Config& config) {
  each_field(config, [&](const char* name, const auto& field) {
    using Field = std::decay_t<decltype(field)>;
    const bool quoted = std::is_enum_v<Field> || std::is_same_v<Field, std::string>;
    if (std::string_view(name) == "vocab_size") return;
    lines.push_back({name, quoted ? text_value(spelled(field)) : spelled(field)});
  });
}

std::vector<Line> field_lines(const TrainRequest& request) {
  std::vector<Line> lines;
  add_fields(lines, request.model);
  add_fields(lines, request.train);
  return lines;
}

// The file is read from wherever its reader happens to be.
std::string from_anywhere(const std::string& path) {
  std::error_code fault;
  const fs::path whole = fs::absolute(path, fault);
  return fault ? path : whole.lexically_normal().string();
}

Line dataset_line(const DataOptions& data) {
  const bool by_name = find_corpus(data.source) != nullptr;
  return {"dataset", text_value(by_name ? data.source : from_anywhere(data.source))};
}

std::vector<Line> data_lines(const TrainRequest& request) {
  const DataOptions& data = request.data;
  const bool file = is_tokenizer_path(data.tokenizer);
  std::vector<Line> lines = {
      dataset_line(data),
      {"tokenizer", text_value(file ? from_anywhere(data.tokenizer) : data.tokenizer)},
      {"val", shortest(data.val)},
      {"doc_sep", text_value(data.doc_sep)},
      {"doc_mark", text_value(data.doc_mark)}};
  if (!data.ranks.empty()) lines.push_back({"ranks", text_value(from_anywhere(data.ranks))});
  const std::string& start = request.args.text("init-from");
  if (start != "scratch" && start != "resume")
    lines.push_back({"init_from", text_value(from_anywhere(start))});
  return lines;
}

void write_lines(const std::string& folder, const std::vector<std::string>& lines) {
  write_whole_file(folder + "/config.toml", join(lines, "\n") + "\n");
}

}   // namespace

void write_config(const std::string& folder, const TrainRequest& request) {
  std::vector<std::string> lines = {
      "# The settings of this run; glass train --config reads them again.",
      "preset = " + text_value(request.preset),
      "# vocab_size = " + std::to_string(request.model.vocab_size)};
  for (const Line& line : field_lines(request)) lines.push_back(line.text());
  for (const Line& line : data_lines(request)) lines.push_back(line.text());
  write_lines(folder, lines);
}

void update_config(const std::string& folder, const TrainRequest& request) {
  const std::string path = folder + "/config.toml";
  if (!fs::exists(path)) return write_config(folder, request);
  const std::string before = read_text_file(path, "the config", 1 << 20);
  std::vector<std::string> lines = split(before, '\n');
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  std::vector<Line> now = field_lines(request);
  if (request.args.has("DATA") || request.args.has("dataset"))
    now.push_back(dataset_line(request.data));
  for (const Line& line : now) {
    const auto same_key = [&](const std::string& old) {
      return trimmed(old.substr(0, old.find('='))) == line.key;
    };
    const auto found = std::find_if(lines.begin(), lines.end(), same_key);
    if (found == lines.end()) lines.push_back(line.text());
    else *found = line.text();
  }
  write_lines(folder, lines);
}

}   // namespace glass
