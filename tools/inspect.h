// What `glass inspect` knows about files. A format is one row in the table of inspect_formats.cpp:
// how to recognise it by its content, and how to describe it. The command itself, its text and its
// JSON, know no format.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/json_value.h"
#include "model/formats/file_or_folder.h"
#include "model/formats/safetensors.h"

namespace glass {

struct InspectedTensor {
  std::string name, dtype;
  std::vector<std::int64_t> shape;
  std::int64_t elements = 0;
  bool parameter = true;   // of a model; false: moments of the optimizer, tokens, ...
};

// What there is to say; what a format does not have stays empty.
struct Inspection {
  std::string kind;   // "checkpoint"
  std::string path;   // of a run folder: of the checkpoint that was looked at
  std::uint64_t bytes = 0;
  std::vector<InspectedTensor> tensors;
  JsonValue config;        // of the model
  std::string tokenizer;   // "char"
  int vocab_size = 0;
  std::optional<std::int64_t> step;
  std::string digest;      // of the file's bytes; of a checkpoint: the one that it carries
  bool verified = false;   // it was held against the bytes
  Notes notes;             // short texts that the file carries
  std::vector<std::pair<std::string, std::string>> facts;   // a name and a sentence, for people
};

struct InspectFormat {
  const char* name;   // for the message that lists what can be inspected; null: foreign_formats()
  bool (*recognises)(const FileOrFolder& target);
  Inspection (*inspect)(const FileOrFolder& target);
};
std::span<const InspectFormat> inspect_formats();   // the first that recognises a target has it

// A file that is a tokenizer and nothing else (inspect_tokenizer.cpp).
bool looks_like_tokenizer(const FileOrFolder& target);
Inspection inspect_tokenizer(const FileOrFolder& target);

Inspection inspect(const std::string& path);   // ContentError for what no format recognises

}   // namespace glass
