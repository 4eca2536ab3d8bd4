// glass inspect: what is in a file. The kind is found by content, never by name. The text and the
// JSON are two views of the same struct.
#include "tools/inspect.h"

#include <algorithm>
#include <map>

#include "engine/base/json.h"
#include "engine/base/text.h"
#include "interp/draw/architecture.h"
#include "model/saved_model.h"
#include "tools/arguments.h"
#include "tools/command.h"
#include "tools/terminal.h"
#include "tools/text_options.h"

namespace glass {
namespace {

std::int64_t parameters_of(const Inspection& found) {
  std::int64_t sum = 0;
  for (const InspectedTensor& tensor : found.tensors) sum += tensor.parameter ? tensor.elements : 0;
  return sum;
}

// --- JSON ----------------------------------------------------------------------------------------

void write_value(Json& json, const JsonValue& value) {
  using Kind = JsonValue::Kind;
  std::int64_t integer = 0;
  switch (value.kind) {
    case Kind::null:
      json.null();
      break;
    case Kind::boolean:
      json.value(value.boolean);
      break;
    case Kind::number:
      if (parse_integer(value.text, integer) == NumberFault::none) json.value(integer);
      else json.value(value.number("a number of the config"));
      break;
    case Kind::text:
      json.value(value.text);
      break;
    case Kind::array:
      json.array();
      for (const JsonValue& item : value.items) write_value(json, item);
      json.end();
      break;
    case Kind::object:
      json.object();
      for (const auto& [name, field] : value.fields) write_value(json.key(name), field);
      json.end();
      break;
  }
}

void print_json(const Inspection& found) {
  Json json;
  json.object().field("kind", found.kind).field("path", found.path).field("bytes", found.bytes);
  json.field("params", parameters_of(found)).key("tensors").array();
  for (const InspectedTensor& tensor : found.tensors) {
    json.object().field("name", tensor.name).field("dtype", tensor.dtype);
    json.field("shape", tensor.shape).field("elements", tensor.elements).end();
  }
  json.end();
  write_value(json.key("config"), found.config);
  json.key("tokenizer");
  if (found.tokenizer.empty()) json.null();
  else json.object().field("spec", found.tokenizer).field("vocab_size", found.vocab_size).end();
  json.key("step");
  if (found.step) json.value(*found.step);
  else json.null();
  json.key("digest");
  if (found.digest.empty()) json.null();
  else json.value(found.digest);
  json.key("notes").object();
  for (const auto& [key, value] : found.notes) json.field(key, value);
  json.end();
  print(json.end().text() + "\n");
}

// --- Text ----------------------------------------------------------------------------------------

// What a stranger wrote must not reach a terminal as commands.
std::string safe(std::string_view value) {
  return has_control_bytes(value) ? in_quotes(value, 200) : std::string(value);
}

void print_row(std::string_view name, std::string_view value) {
  const std::string pad(name.size() < 14 ? 14 - name.size() : 1, ' ');
  print("  " + ink(Ink::cyan, name, stdout) + pad + safe(value) + "\n");
}

// "n_layer 4", "n_embd 64", ...; what is nested comes in its place.
void collect_entries(const JsonValue& object, std::vector<std::string>& out) {
  for (const auto& [name, value] : object.fields) {
    const bool flag = value.kind == JsonValue::Kind::boolean;
    const std::string text = flag ? (value.boolean ? "yes" : "no") : value.text;
    if (value.kind == JsonValue::Kind::object) collect_entries(value, out);
    else if (!text.empty()) out.push_back(name + " " + text);
  }
}

// Over as many lines as it takes.
void print_entries(std::string_view label, const JsonValue& object) {
  std::vector<std::string> entries;
  collect_entries(object, entries);
  std::string line;
  const auto flush = [&] {
    if (!line.empty()) print_row(label, line);
    line.clear();
    label = "";
  };
  for (const std::string& entry : entries) {
    if (line.size() + entry.size() > 78) flush();
    line += (line.empty() ? "" : "  ") + entry;
  }
  flush();
}

// Our own notes are JSON objects or short texts; what others write may be anything.
void print_note(const std::string& key, const std::string& value) {
  const bool ours = key.compare(0, 6, "glass.") == 0;
  if (ours && value.compare(0, 1, "{") == 0) print_entries(key.substr(6), parse_json(value, key));
  else if (ours) print_row(key.substr(6), value);
  else print_row(key, in_quotes(value, 100));
}

std::string shape_text(const InspectedTensor& tensor) {
  std::vector<std::string> sizes;
  for (const std::int64_t n : tensor.shape) sizes.push_back(std::to_string(n));
  return sizes.empty() ? "one number" : join(sizes, " x ");
}

// Columns as wide as their widest entry.
void print_table(const std::vector<const InspectedTensor*>& rows) {
  std::size_t name = 6, shape = 5, count = 8;
  for (const InspectedTensor* t : rows) {
    name = std::max(name, t->name.size());
    shape = std::max(shape, shape_text(*t).size());
    count = std::max(count, with_commas(t->elements).size());
  }
  const auto line = [&](const std::string& a, const std::string& b, const std::string& c,
                        const std::string& d) {
    return format("  %-*s  %-5s  %-*s  %*s\n", static_cast<int>(name), a.c_str(), b.c_str(),
                  static_cast<int>(shape), c.c_str(), static_cast<int>(count), d.c_str());
  };
  print("\n" + ink(Ink::bold, line("tensor", "dtype", "shape", "elements"), stdout));
  for (const InspectedTensor* t : rows)
    print(line(t->name, t->dtype, shape_text(*t), with_commas(t->elements)));
}

// A model is read from its beginning, and a person counts h.2 before h.10.
bool comes_before(const InspectedTensor* a, const InspectedTensor* b) {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const std::string &x = a->name, &y = b->name;
  std::size_t i = 0, j = 0;
  while (i < x.size() && j < y.size()) {
    if (!digit(x[i]) || !digit(y[j])) {
      if (x[i] != y[j]) return x[i] < y[j];
      ++i, ++j;
      continue;
    }
    const std::size_t from_i = i, from_j = j;
    while (i < x.size() && digit(x[i])) ++i;
    while (j < y.size() && digit(y[j])) ++j;
    if (i - from_i != j - from_j) return i - from_i < j - from_j;
    const int order = x.compare(from_i, i - from_i, y, from_j, j - from_j);
    if (order != 0) return order < 0;
  }
  return x.size() - i < y.size() - j;
}

void print_hidden(const Inspection& found, std::size_t count) {
  if (count == 0) return;
  bool moments = true;
  for (const InspectedTensor& tensor : found.tensors)
    moments = moments && (tensor.parameter || tensor.name.starts_with("optim"));
  print("\n  and " + with_commas(static_cast<std::int64_t>(count)) +
        (moments ? " tensors of the optimizer" : " tensors that are no weights of the model") +
        "; --all shows them.\n");
}

void print_text(const Inspection& found, bool all) {
  print(ink(Ink::bold, found.path, stdout) + "\n");
  print_row("kind", found.kind);
  if (found.step) print_row("step", with_commas(*found.step));
  const std::int64_t parameters = parameters_of(found);
  if (parameters > 0)
    print_row("parameters",
              with_commas(parameters) + " (" + human_count(static_cast<double>(parameters)) + ")");
  print_row("size", human_bytes(static_cast<double>(found.bytes)));
  if (!found.digest.empty())
    print_row("digest", found.digest + (found.verified ? ", verified" : ""));
  print_entries("config", found.config);
  if (found.vocab_size > 0)
    print_row("tokenizer", (found.tokenizer.empty() ? "not in the file" : found.tokenizer) + ", " +
                               with_commas(found.vocab_size) + " tokens");
  for (const auto& [name, sentence] : found.facts) print_row(name, sentence);
  for (const auto& [key, value] : found.notes) print_note(key, value);

  std::vector<const InspectedTensor*> rows;
  for (const InspectedTensor& tensor : found.tensors)
    if (all || tensor.parameter || parameters == 0) rows.push_back(&tensor);
  std::stable_sort(rows.begin(), rows.end(), comes_before);
  if (!rows.empty()) print_table(rows);
  print_hidden(found, found.tensors.size() - rows.size());
}

// --- The plan of a model -------------------------------------------------------------------------

// A preset has no vocabulary before it meets a text; Shakespeare's 65 letters stand in.
GPTConfig preset_to_draw(const std::string& name) {
  GPTConfig config = preset(name);
  if (config.vocab_size == 0) config.vocab_size = 65;
  return config;
}

void draw_model(const Arguments& args) {
  const std::string& path = args.text("draw");
  if (!path.ends_with(".svg") && !path.ends_with(".png"))
    fail(UsageError("--draw makes a .svg or a .png, so " + in_quotes(path) +
                    " must end with one of them."));
  std::string title = args.has("preset") ? args.text("preset") : args.text("FILE");
  GPTConfig config;
  if (args.has("preset")) {
    config = preset_to_draw(title);
  } else {
    const FoundCheckpoint found = find_checkpoint(title);
    config = config_of(found.checkpoint, found.path);
  }
  write_whole_file(path, path.ends_with(".svg") ? architecture_svg(config, title)
                                                : architecture_png(config, title));
}

void require_something(const Arguments& args) {
  if (args.has("FILE") == args.has("preset")) {
    fail(UsageError(args.has("FILE")
                        ? "FILE and --preset are two models; choose one."
                        : "glass inspect needs FILE: what to look at; or --preset NAME."));
  }
  if (args.has("preset") && !args.has("draw"))
    fail(UsageError("--preset has no file to look into; it goes with --draw FILE.svg."));
}

ExitCode run(const Arguments& args) {
  require_something(args);
  if (args.has("draw")) draw_model(args);
  if (args.has("preset")) {
    if (args.flag("json"))
      print(Json().object().field("path", args.text("draw")).end().text() + "\n");
    return ExitCode::ok;
  }
  const Inspection found = inspect(args.text("FILE"));
  if (args.flag("json")) print_json(found);
  else print_text(found, args.flag("all"));
  return ExitCode::ok;
}

// clang-format off
const Option kOperands[] = {
    {.name = "FILE", .help = "a model of anybody (a checkpoint, a run folder, a Hugging Face folder, ...), a .safetensors, a .npy, tokens"},
};
const Option kOptions[] = {
    {.name = "all", .type = Type::flag, .help = "list the tensors of the optimizer too"},
    {.name = "draw", .value = "FILE", .help = "draw the plan of the model, as .svg or .png"},
    {.name = "preset", .value = "NAME", .help = "draw the model of this preset instead of a file's"},
};
const Example kExamples[] = {
    {"glass inspect out/names", "the newest checkpoint of a run"},
    {"glass inspect model.safetensors --json", "every tensor, for scripts"},
    {"glass inspect --preset gpt2 --draw gpt2.svg", "the plan of GPT-2"},
};
// clang-format on

}   // namespace

extern const Command kInspect = {
    .name = "inspect",
    .summary = "what is in a file: its kind, tensors, config, tokenizer",
    .about =
        "The kind is found by content, not by the name. A checkpoint of ours is read whole "
        "and held against its digest, so a file that inspect describes is not damaged.",
    .examples = kExamples,
    .operands = kOperands,
    .options = kOptions,
    .shared = Shared::output,
    .run = run};

}   // namespace glass
