// The folder of a run and what is in it already. Everything is decided here before anything is
// written.
#include "tools/train_start.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "model/formats/foreign.h"
#include "model/saved_model.h"
#include "model/tokenizer/open.h"
#include "tools/data_note.h"
#include "tools/saved.h"

namespace glass {

// ---- the folder ---------------------------------------------------------------------------------

static std::string name_of_data(const std::string& source) {
  const std::filesystem::path path = std::filesystem::weakly_canonical(source);   // "." has a name
  const std::string name = path.has_filename() ? path.filename() : path.parent_path().filename();
  const std::size_t dot = name.find_last_of('.');
  return dot == std::string::npos || dot == 0 ? name : name.substr(0, dot);
}

namespace {

// What is in the way of a new run in this folder; "" where nothing is. A folder in which nothing
// but logs of ours stand (a run that ended before its first checkpoint) is free.
std::string in_the_way(const std::string& folder) {
  if (is_run_folder(folder)) return "holds a run already";
  FileOps& files = system_files();
  const Descriptor opened(files, files.open_folder(folder));
  std::vector<std::string> names;
  if (!opened || files.list(opened.get(), names) != 0 || names.empty()) return "";
  const bool ours = std::find(names.begin(), names.end(), ".lock") != names.end();
  return ours ? "" : "is a folder with other things in it";
}

// Something to go on from that is not a run in a folder of ours: one checkpoint, or what another
// program left.
bool is_state_from_elsewhere(const std::string& path) {
  std::error_code fault;
  if (is_run_folder(path) || !std::filesystem::exists(path, fault)) return false;
  const FileOrFolder from(path);
  return !from.is_folder() || foreign_format_of(from) != nullptr;
}

void refuse_beside_resume(const Arguments& args) {
  for (const char* other : {"preset", "overwrite"}) {
    if (args.source(other) == Source::command_line)
      fail(UsageError("--resume goes on with a run as it is, so --" + std::string(other) +
                      " has no place beside it."));
  }
}

TrainPlace place_to_resume(const Arguments& args, const std::string& wish) {
  const bool named = args.has("resume") && args.text("resume") != "auto";
  const std::string folder = named ? args.text("resume") : wish;
  if (named && args.source("out") == Source::command_line && args.text("out") != folder)
    fail(UsageError("--resume " + folder + " and --out " + args.text("out") +
                    " are two folders; a run goes on where it is."));
  if (!is_run_folder(folder)) {
    fail(SystemError("There is no run to resume in " + in_quotes(folder) +
                     "; name its folder: --resume DIR."));
  }
  return {folder, true, "", ""};
}

}   // namespace

namespace {

std::string wished_folder(const TrainRequest& request) {
  return request.args.has("out") ? request.args.text("out")
                                 : "out/" + name_of_data(request.data.source);
}

// The first free one of "out/book-2", "out/book-3", ... but none of `taken`.
TrainPlace place_beside(const std::string& wish, const std::string& why,
                   const std::vector<std::string>& taken) {
  for (int i = 2;; ++i) {
    const std::string next = wish + "-" + std::to_string(i);
    if (std::find(taken.begin(), taken.end(), next) != taken.end()) continue;
    if (in_the_way(next).empty())
      return {next, false, why + ", so this one goes to " + next + ".", ""};
  }
}

// A folder that held another run, or none: nothing of the old one may mix with the new one.
void start_afresh(RunFolder& folder) {
  folder.clear();
  for (const char* name :
       {"metrics.jsonl", "timing.jsonl", "samples.txt", "loss.png", "config.toml"}) {
    ::unlink((folder.path() + "/" + name).c_str());
  }
}

}   // namespace

static TrainPlace place_of_new_run(const TrainRequest& request) {
  const Arguments& args = request.args;
  const std::string wish = wished_folder(request);
  const std::string why = in_the_way(wish);
  const bool run_there = is_run_folder(wish);
  if (why.empty() || (run_there && args.flag("overwrite"))) return {wish, false, "", ""};
  if (args.has("out")) {
    fail(UsageError(in_quotes(wish) + " " + why + "; " +
                    (run_there ? "go on with it (--resume), replace it (--overwrite), or " : "") +
                    "choose another --out."));
  }
  return place_beside(wish, wish + " " + why, {});
}

TrainPlace place_of(const TrainRequest& request) {
  const Arguments& args = request.args;
  if (!args.has("resume") && args.text("init-from") != "resume") return place_of_new_run(request);
  refuse_beside_resume(args);
  const std::string wish = wished_folder(request);
  const bool named = args.has("resume") && args.text("resume") != "auto";
  const std::string from = named ? args.text("resume") : wish;
  if (!is_state_from_elsewhere(from)) return place_to_resume(args, wish);
  // nanoGPT goes on in the folder that its checkpoint is in; we leave that one as it is.
  TrainPlace place = from == wish ? place_beside(wish, wish + " is another program's", {})
                             : place_of_new_run(request);
  place.branch = from;
  return place;
}

std::unique_ptr<RunFolder> take_folder(TrainPlace& place, const TrainRequest& request) {
  const Arguments& args = request.args;
  const RunFolderOptions options{.keep = static_cast<int>(request.train.keep),
                                 .verify = args.flag("verify-save"),
                                 .warn = warn};
  const bool fixed = place.resume || args.has("out") || args.flag("overwrite");
  for (std::vector<std::string> taken;; taken.push_back(place.folder)) {
    if (!taken.empty()) {
      const TrainPlace beside = place_beside(
          wished_folder(request), taken.back() + " belongs to a run that began just now", taken);
      place.folder = beside.folder, place.said = beside.said;
    }
    try {
      auto folder = std::make_unique<RunFolder>(place.folder, options);
      if (place.resume) return folder;
      if (args.flag("overwrite") || !is_run_folder(place.folder)) {
        start_afresh(*folder);
        return folder;
      }
      if (fixed)
        fail(UsageError(in_quotes(place.folder) +
                        " holds a run by now, of another trainer; choose another --out."));
    } catch (const FolderInUse&) {
      if (fixed) throw;
    }
  }
}

// ---- what is there already ----------------------------------------------------------------------

namespace {

struct StoredRun {
  GPTConfig model;
  TrainConfig train;
  DataNote data;
};

StoredRun stored_run(const FoundCheckpoint& found) {
  const std::string what = found.path + ": glass.trainer";
  const JsonValue trainer = parse_json(found.checkpoint.note("glass.trainer"), what);
  TrainConfig train = fields_from_json<TrainConfig>(trainer.at("config", what), what);
  const std::vector<StoredTensor>& tensors = found.checkpoint.tensors;
  if (!tensors.empty() && tensors.front().type == StoredType::f64)
    train.dtype = Numbers::f64;   // older files do not say it otherwise
  return {config_of(found.checkpoint, found.path), train,
          read_data_note(found.checkpoint, found.path)};
}

// What the user says about the data must be what the run was told.
std::vector<std::string> data_changes(const DataOptions& stored, const TrainRequest& request) {
  std::vector<std::string> changes;
  const auto compare = [&](const char* option, const std::string& before, const std::string& now) {
    if (chosen(request.args, option) && before != now)
      changes.push_back(std::string(option) + ": " + in_quotes(before) + " before, " +
                        in_quotes(now) + " now");
  };
  compare("tokenizer", stored.tokenizer, request.data.tokenizer);
  compare("val", shortest(stored.val), shortest(request.data.val));
  compare("doc-sep", stored.doc_sep, request.data.doc_sep);
  compare("doc-mark", stored.doc_mark, request.data.doc_mark);
  return changes;
}

void refuse_changes(std::vector<std::string> changes, const TrainRequest& request,
                    const std::string& folder) {
  const auto free = [](const std::string& change) {
    return may_change(change.substr(0, change.find(':')));
  };
  changes.erase(std::remove_if(changes.begin(), changes.end(), free), changes.end());
  if (changes.empty() || request.args.flag("force-config")) return;
  fail(UsageError("The run in " + in_quotes(folder) + " cannot go on with other settings (" +
                  join(changes, "; ") + "). Leave them out, or insist with --force-config."));
}

void require_sound(const TrainConfig& train, const FoundCheckpoint& found) {
  try {
    check(train);
  } catch (const UsageError& error) {
    fail(ContentError(found.path + ": glass.trainer: " + error.what()));
  }
}

// From here on the request says what the run in the folder says.
void take_up(TrainRequest& request, const FoundCheckpoint& found, const std::string& folder,
             std::string& data_digest) {
  const StoredRun stored = stored_run(found);
  GPTConfig model = stored.model;
  TrainConfig train = stored.train;
  put_chosen(request.args, model);
  put_chosen(request.args, train);
  require_sound(train, found);
  std::vector<std::string> changes = differences(stored.model, model);
  const auto add = [&](const std::vector<std::string>& more) {
    changes.insert(changes.end(), more.begin(), more.end());
  };
  add(differences(stored.train, train));
  add(data_changes(stored.data.options, request));
  refuse_changes(changes, request, folder);
  const bool other_data = request.args.has("DATA") || request.args.has("dataset");
  const std::string source = request.data.source;
  request.model = model, request.train = train, request.data = stored.data.options;
  request.args.offer(*find_option(request.args.command(), "dtype"), spelled(train.dtype),
                     Source::preset, "the run in " + folder);
  if (other_data) request.data.source = source;
  data_digest = stored.data.digest;
}

// From here on the request says what the state says, and what the user put over it. It goes on in a
// folder of its own, so anything may change.
void take_over(TrainRequest& request, const FoundCheckpoint& found) {
  const std::string what = found.path + ": glass.trainer";
  const auto note = found.checkpoint.notes.find("glass.trainer");
  if (note == found.checkpoint.notes.end())
    fail(ContentError(found.path +
                      " holds a model, but not what its training needs to go on; start "
                      "from its weights with --init-from."));
  if (!request.args.has("DATA") && !request.args.has("dataset"))
    fail(UsageError("Say what it goes on learning from: glass train DATA --resume " + found.path +
                    "."));
  const JsonValue trainer = parse_json(note->second, what);
  request.model = config_of(found.checkpoint, found.path);
  request.train = fields_from_json<TrainConfig>(trainer.at("config", what), what);
  put_chosen(request.args, request.model);
  put_chosen(request.args, request.train);
  require_sound(request.train, found);
  request.data.use = tokenizer_of(found.checkpoint, found.path);
  request.args.offer(*find_option(request.args.command(), "dtype"), spelled(request.train.dtype),
                     Source::preset, found.path);
}

void require_same_data(const std::string& before, const Dataset& data, const Arguments& args) {
  if (before == hex16(data.digest) || args.flag("force-config")) return;
  fail(UsageError("The run cannot go on with other data (digest: " + before + " before, " +
                  hex16(data.digest) +
                  " now). Give it what it learned from, or insist with --force-config."));
}

// A model that was trained knows its tokens by number, so it brings their meaning with it, as it
// brings its shape.
void refuse_what_a_model_brings(const TrainRequest& request, const FoundCheckpoint& found) {
  if (request.args.source("preset") == Source::command_line)
    fail(UsageError("--init-from takes the model as it is, so --preset has no place beside it."));
  const TokenizerPtr& own = request.data.use;
  if (!own || !chosen(request.args, "tokenizer")) return;
  const std::string& said = request.args.text("tokenizer");
  const bool same = is_tokenizer_path(said) ? open_tokenizer(said)->to_json() == own->to_json()
                                            : said == own->spec();
  if (!same)
    fail(UsageError(found.path + " has learned with the tokenizer " + own->spec() +
                    "; with --tokenizer " + said +
                    " its tokens would mean something else, so leave that out."));
}

}   // namespace

Start start_of(TrainRequest& request, const TrainPlace& place) {
  const std::string model = request.args.text("init-from");
  Start start;
  if (place.resume) {
    start.found = find_checkpoint(place.folder, warn);
    take_up(request, *start.found, place.folder, start.data_digest);
  } else if (!place.branch.empty()) {
    start.found = find_checkpoint(place.branch, warn);
    take_over(request, *start.found);
  } else if (model != "scratch") {
    start.found = find_checkpoint(model, warn);
    request.model = config_of(start.found->checkpoint, start.found->path);
    put_chosen(request.args, request.model);
    crop_positions(start.found->checkpoint, request.model.block_size);
    request.data.use = tokenizer_of(start.found->checkpoint, start.found->path);
    refuse_what_a_model_brings(request, *start.found);
  }
  return start;
}

// Tokens that lie in files are cut and numbered already, and those that are made are made so.
static void refuse_what_data_decide(const TrainRequest& request) {
  const bool made = is_made(request.data.source);
  if (!made && !std::filesystem::is_directory(request.data.source)) return;
  for (const char* option : {"val", "doc-sep", "doc-mark"}) {
    if (chosen(request.args, option))
      fail(UsageError("--" + std::string(option) + " says how to cut a text, but " +
                      in_quotes(request.data.source) +
                      (made ? " is made in sequences, some of them held out."
                            : " holds tokens that are cut already.")));
  }
}

// A tokenizer that was just made from a text gives its tokens numbers of its own, which are not
// those that the model learned.
static void require_known_tokens(const TrainRequest& request, const Start& start,
                                 const Dataset& data) {
  const bool invented = data.tokenizer && !request.data.use && !chosen(request.args, "tokenizer");
  if (!start.found || !invented || std::filesystem::is_directory(request.data.source)) return;
  fail(ContentError(start.found->path + " does not say what its tokens mean; name the tokenizer "
                                        "that it was trained with: --tokenizer FILE."));
}

Dataset data_of(TrainRequest& request, const Start& start, const TrainPlace& place) {
  if (!place.resume) refuse_what_data_decide(request);
  Dataset data = open_dataset(request.data);
  if (place.resume) require_same_data(start.data_digest, data, request.args);
  else require_known_tokens(request, start, data);
  if (!start.found) request.model.vocab_size = data.vocab_size;
  if (data.tokenizer && !request.train.prompt.empty()) data.tokenizer->encode(request.train.prompt);
  if (data.vocab_size > request.model.vocab_size) {
    fail(ContentError("The data need " + std::to_string(data.vocab_size) +
                      " tokens, and the model knows only " +
                      std::to_string(request.model.vocab_size) + "."));
  }
  return data;
}

}   // namespace glass
