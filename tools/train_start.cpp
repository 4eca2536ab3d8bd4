// The folder of a run and what is in it already. Everything is decided here before anything is
// written.
#include "tools/train_start.h"

#include <algorithm>

#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "model/saved_model.h"
#include "tools/data_note.h"
#include "tools/saved.h"

namespace glass {

// ---- the folder ---------------------------------------------------------------------------------

static std::string name_of_data(const std::string& source) {
  std::string name = source;
  while (name.size() > 1 && name.back() == '/') name.pop_back();
  name = name.substr(name.find_last_of('/') + 1);
  const std::size_t dot = name.find_last_of('.');
  return dot == std::string::npos || dot == 0 ? name : name.substr(0, dot);
}

Place place_of(const TrainRequest& request) {
  const Arguments& args = request.args;
  const std::string wish =
      args.has("out") ? args.text("out") : "out/" + name_of_data(request.data.source);
  const bool resume = args.has("resume") || args.text("init-from") == "resume";
  if (resume) {
    const std::string named =
        args.has("resume") && args.text("resume") != "auto" ? args.text("resume") : wish;
    if (!is_run_folder(named)) {
      fail(SystemError("There is no run to resume in " + in_quotes(named) +
                       "; name its folder: --resume DIR."));
    }
    return {named, true, ""};
  }
  if (args.flag("overwrite") || !is_run_folder(wish)) return {wish, false, ""};
  if (args.has("out")) {
    fail(UsageError(in_quotes(wish) + " holds a run already; go on with it (--resume), replace it "
                                      "(--overwrite), or choose another --out."));
  }
  for (int i = 2;; ++i) {
    const std::string next = wish + "-" + std::to_string(i);
    if (!is_run_folder(next))
      return {next, false,
              wish + " holds a run already, so this one goes to " + next +
                  " (--resume goes on with the old one)."};
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
  return {config_of(found.checkpoint, found.path),
          fields_from_json<TrainConfig>(trainer.at("config", what), what),
          read_data_note(found.checkpoint, found.path)};
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

// From here on the request says what the run in the folder says.
void take_up(TrainRequest& request, const FoundCheckpoint& found, const std::string& folder,
             std::string& data_digest) {
  const StoredRun stored = stored_run(found);
  GPTConfig model = stored.model;
  TrainConfig train = stored.train;
  put_chosen(request.args, model);
  put_chosen(request.args, train);
  std::vector<std::string> changes = differences(stored.model, model);
  for (const std::string& change : differences(stored.train, train)) changes.push_back(change);
  refuse_changes(changes, request, folder);
  const bool other_data = request.args.has("DATA") || request.args.has("dataset");
  const std::string source = request.data.source;
  request.model = model, request.train = train, request.data = stored.data.options;
  if (other_data) request.data.source = source;
  data_digest = stored.data.digest;
}

void require_same_data(const std::string& before, const Dataset& data, const Arguments& args) {
  if (before == hex16(data.digest) || args.flag("force-config")) return;
  fail(UsageError("The run cannot go on with other data (digest: " + before + " before, " +
                  hex16(data.digest) +
                  " now). Give it what it learned from, or insist with --force-config."));
}

}   // namespace

Start start_of(TrainRequest& request, const Place& place) {
  const std::string model = request.args.text("init-from");
  Start start;
  if (place.resume) {
    start.found = find_checkpoint(place.folder, warn);
    take_up(request, *start.found, place.folder, start.data_digest);
  } else if (model != "scratch") {
    start.found = find_checkpoint(model, warn);
    request.model = config_of(start.found->checkpoint, start.found->path);
    put_chosen(request.args, request.model);
    request.data.use = tokenizer_of(start.found->checkpoint, start.found->path);
  }
  return start;
}

Dataset data_of(TrainRequest& request, const Start& start, const Place& place) {
  Dataset data = open_dataset(request.data);
  if (place.resume) require_same_data(start.data_digest, data, request.args);
  if (!start.found && request.model.vocab_size < data.vocab_size)
    request.model.vocab_size = data.vocab_size;
  if (data.vocab_size > request.model.vocab_size) {
    fail(ContentError("The data need " + std::to_string(data.vocab_size) +
                      " tokens, and the model knows only " +
                      std::to_string(request.model.vocab_size) + "."));
  }
  return data;
}

}   // namespace glass
