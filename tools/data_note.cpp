#include "tools/data_note.h"

#include "engine/base/hash.h"
#include "engine/base/json.h"
#include "engine/base/json_value.h"
#include "model/saved_model.h"

namespace glass {

std::string data_note(const DataOptions& options, const Dataset& data) {
  return Json()
      .object()
      .field("source", options.source)
      .field("tokenizer", options.tokenizer)
      .field("val", options.val)
      .field("doc_sep", options.doc_sep)
      .field("doc_mark", options.doc_mark)
      .field("digest", hex16(data.digest))
      .field("train_tokens", data.train.size())
      .field("val_tokens", data.val.size())
      .end()
      .text();
}

DataNote read_data_note(const Checkpoint& checkpoint, const std::string& file) {
  const std::string what = file + ": " + kDataNote;
  const JsonValue json = parse_json(checkpoint.note(kDataNote), what);
  const auto text = [&](const char* key) { return json.at(key, what).string(what + ": " + key); };
  DataNote note;
  note.options.source = text("source"), note.options.tokenizer = text("tokenizer");
  note.options.doc_sep = text("doc_sep"), note.options.doc_mark = text("doc_mark");
  note.options.val = json.at("val", what).number(what + ": val");
  note.options.use = tokenizer_of(checkpoint, file);
  note.digest = text("digest");
  return note;
}

}   // namespace glass
