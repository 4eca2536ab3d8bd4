#include "interp/kept_file.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "model/saved_model.h"

namespace glass {
namespace {

constexpr const char *kKindNote = "glass.kind", *kVersionNote = "glass.kind.version",
                     *kModelNote = "glass.of.model";

Notes notes_of(const ByteSource& source) {
  return looks_like_safetensors(source) ? read_safetensors_header(source).notes : Notes();
}

std::string note_in(const Notes& notes, const std::string& key) {
  const auto found = notes.find(key);
  return found == notes.end() ? std::string() : found->second;
}

}   // namespace

void refuse_to_replace(const std::string& path, const KeptKind& kind) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return;
  Notes notes;
  try {
    notes = notes_of(FileSource(path));
  } catch (const ContentError&) {   // damaged, or something else altogether
  }
  if (note_in(notes, kKindNote) != kind.name)
    fail(UsageError(path + " is there, and is no " + kind.called +
                    "; name another file, or remove it first."));
}

KeptFile::KeptFile(const ByteSource& source, const KeptKind& kind, const Specimen& specimen,
                   const std::string& renew)
    : path_(source.name()), renew_(renew) {
  const auto whole = [&](const auto& read) {
    try {
      return read();
    } catch (const ContentError& error) {
      fail(ContentError(std::string(error.what()) + " Renew it: " + renew));
    }
  };
  file_.notes = whole([&] { return notes_of(source); });
  if (note(kKindNote) != kind.name)
    fail(ContentError(path_ + " is no " + kind.called + "; make one: " + renew));
  require(kVersionNote, kind.version, "another version of this program");
  require(kModelNote, specimen.from.digest, "other weights");
  file_ = whole([&] { return load_checkpoint(source); });
}

std::string KeptFile::note(const std::string& key) const { return note_in(file_.notes, key); }

void KeptFile::require(const std::string& key, const std::string& now,
                       const std::string& other) const {
  if (note(key) != now)
    fail(ContentError(path_ + " is stale: it was made with " + other +
                      " than now. Renew it: " + renew_));
}

void KeptFile::refuse(const std::string& why) const {
  fail(ContentError(path_ + " cannot be used: " + why + ". Renew it: " + renew_));
}

std::int64_t KeptFile::integer(const std::string& key, std::int64_t low, std::int64_t high) const {
  std::int64_t value = 0;
  if (parse_integer(note(key), value) != NumberFault::none || value < low || value > high)
    refuse("its note " + key + " is no number from " + std::to_string(low) + " to " +
           std::to_string(high));
  return value;
}

const StoredTensor& KeptFile::tensor(const std::string& name) const {
  const StoredTensor* found = file_.find(name);
  if (!found) refuse("it has no " + name);
  return *found;
}

void KeptFile::fill(Tensor& x, const std::string& name) const {
  fill_from(x, tensor(name), path_);
  for (const double v : x.to_host()) finite(v, name.c_str());
}

std::vector<double> KeptFile::numbers(const std::string& name, std::size_t count) const {
  const StoredTensor& t = tensor(name);
  if (t.type != StoredType::f64 || t.bytes.size() != count * sizeof(double))
    refuse("its " + name + " has another size than the rest of it");
  std::vector<double> values(count);
  if (count > 0) std::memcpy(values.data(), t.bytes.data(), t.bytes.size());
  return values;
}

std::size_t KeptFile::count(const std::string& name) const {
  return tensor(name).bytes.size() / sizeof(double);
}

std::int64_t KeptFile::whole(double x, std::int64_t low, std::int64_t high,
                             const char* what) const {
  const bool inside = x >= static_cast<double>(low) && x <= static_cast<double>(high);
  if (!inside || x != std::floor(x))
    refuse(format("%s of %g is no whole number from ", what, x) + std::to_string(low) + " to " +
           std::to_string(high));
  return static_cast<std::int64_t>(x);
}

double KeptFile::finite(double x, const char* what) const {
  if (!std::isfinite(x)) refuse("a number of " + std::string(what) + " is none");
  return x;
}

void save_kept(const std::string& path, const KeptKind& kind, const Provenance& from,
               std::vector<StoredTensor> tensors, Notes notes) {
  refuse_to_replace(path, kind);
  notes[kKindNote] = kind.name, notes[kVersionNote] = kind.version;
  notes[kModelNote] = from.digest, notes["glass.command"] = from.command;
  save_checkpoint(path, {std::move(tensors), std::move(notes), ""});
}

std::string digest_of(const TokenizerPtr& tokenizer) {
  if (!tokenizer) return "";
  const std::string json = tokenizer->to_json();
  return hex16(xxh64(std::as_bytes(std::span(json.data(), json.size()))));
}

std::string path_beside(const std::string& model, const std::string& kind) {
  std::error_code ignored;
  return model + (std::filesystem::is_directory(model, ignored) ? "/glass." : ".") + kind;
}

}   // namespace glass
