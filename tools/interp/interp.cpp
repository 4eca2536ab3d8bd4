// glass interp: looking inside of a trained model. Each analysis has a file here, which reads the
// options, and one in interp/, which computes.
#include "tools/interp/interp.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <mutex>

#include "engine/base/asker.h"
#include "engine/base/hash.h"
#include "engine/base/json.h"
#include "engine/base/text.h"
#include "interp/change/contrast.h"
#include "interp/draw/letters.h"
#include "tools/data_note.h"
#include "tools/shell_word.h"
#include "tools/terminal.h"
#include "tools/text_options.h"

namespace glass {
namespace {

// Before anything is computed.
void refuse_unwritable_pictures(const Arguments& args) {
  for (const Option& option : args.command().options)
    if ((option.name == kPngOption.name || option.name == kHtmlOption.name) &&
        args.has(option.name))
      refuse_unwritable(args.text(option.name));
}

}   // namespace

Microscope::Microscope(std::shared_ptr<const Opened> model, const Arguments& args)
    : held(std::move(model)),
      opened(*held),
      specimen{gpt_of(opened.model()),
               opened.saved.tokenizer,
               {args.line(), opened.saved.path, opened.saved.digest, opened.saved.step,
                args.integer("seed"), std::string(opened.machine.backend->name())}} {}

Microscope open_specimen(const Arguments& args) {
  refuse_unwritable_pictures(args);
  return {std::make_shared<const Opened>(open_saved(args)), args};
}

std::int32_t token_asked(const Arguments& args, const char* option, const Specimen& specimen) {
  if (!args.has(option)) return -1;
  return one_token(specimen, args.text(option), "--" + std::string(option));
}

Dataset data_asked(const Arguments& args, const Opened& opened) {
  return data_of(opened, said_data(args));
}

SaidData said_data(const Arguments& args) {
  return args.has("data") ? SaidData(args.text("data")) : SaidData();
}

namespace {

DataOptions data_options(const Opened& opened, const SaidData& said) {
  const Checkpoint& checkpoint = opened.saved.checkpoint;
  const bool noted = checkpoint.notes.count(kDataNote) > 0;
  if (!noted && !said)
    fail(UsageError(opened.saved.path +
                    " does not say what it learned from; name a text with --data."));
  DataOptions options =
      noted ? read_data_note(checkpoint, opened.saved.path).options : DataOptions{};
  if (said) options.source = *said;
  std::error_code ignored;
  const bool of_tokens = std::filesystem::is_directory(options.source, ignored);
  if (!noted || !options.use) {
    if (!of_tokens) opened.tokenizer();   // an error where there is none
    options.use = opened.saved.tokenizer;
  }
  return options;
}

// Changes when somebody touches the files of a source. Empty: there are none.
std::string stamp_of(const std::string& source) {
  if (is_made(source)) return "made";
  namespace fs = std::filesystem;
  std::error_code fault;
  std::vector<std::string> files;
  const auto add = [&](const fs::path& path) {
    const auto size = fs::file_size(path, fault);
    const auto time = fs::last_write_time(path, fault).time_since_epoch().count();
    if (!fault)
      files.push_back(path.string() + format(" %llu %lld", static_cast<unsigned long long>(size),
                                             static_cast<long long>(time)));
  };
  if (fs::is_regular_file(source, fault)) add(source);
  else
    for (const fs::directory_entry& entry : fs::directory_iterator(source, fault))
      add(entry.path());
  std::sort(files.begin(), files.end());
  return join(files, "\n");
}

// The digest of a text as it is now. To know it, all of the text is read and turned into tokens;
// and a page that shows one neuron after another asks each time. So the last one is kept, for as
// long as neither the text nor what makes tokens of it changes.
std::string digest_of_data(const Opened& opened, const SaidData& said) {
  static std::mutex guard;
  static std::string kept_for, kept;
  const DataOptions options = data_options(opened, said);
  const std::string stamp = stamp_of(options.source);
  const auto note = opened.saved.checkpoint.notes.find(kDataNote);
  const std::vector<std::string> asked = {
      options.source, stamp, note == opened.saved.checkpoint.notes.end() ? "" : note->second,
      opened.saved.tokenizer ? digest_of(opened.saved.tokenizer) : ""};
  const std::string all = join(asked, std::string_view("\0", 1));
  const std::lock_guard lock(guard);
  if (stamp.empty() || all != kept_for) {
    kept = hex16(data_of(opened, said).digest);
    kept_for = all;
  }
  return kept;
}

}   // namespace

Dataset data_of(const Opened& opened, const SaidData& said) {
  Dataset data = open_dataset(data_options(opened, said));
  for (const Tokens* tokens : {&data.train, &data.val})
    count_tokens(*tokens, static_cast<int>(opened.config().vocab_size));   // refuses unknown ids
  return data;
}

void refuse_changed_text(const Opened& opened, const SaidData& said, const UnitScan& scan,
                         const std::string& renew) {
  std::string now;
  try {
    now = digest_of_data(opened, said);
  } catch (const SystemError&) {
    return;   // it is gone
  } catch (const UsageError&) {
    return;                         // nobody says where it is
  } catch (const ContentError&) {   // not even written in the tokens that it was written in
    if (!opened.saved.tokenizer) throw;
  }
  if (now != scan.source_digest)
    fail(ContentError(scan.path + " is stale: the text it was made from (" + scan.source +
                      ") is another one now. Renew it: " + renew));
}

std::string model_options(const Arguments& args) {
  std::string line;
  for (const Option& option : {kCkptOption, kTokenizerOption, kRanksOption})
    if (args.source(option.name) != Source::fallback)
      line += " --" + std::string(option.name) + " " + shell_word(args.text(option.name));
  return line;
}

Progress::Progress(std::int64_t steps) : steps_(steps), terminal_(is_terminal(stderr)) {}

Progress::~Progress() {
  if (open_) std::fputs("\r\x1b[K", stderr);
}

void Progress::operator()(std::int64_t done, const std::string& what) {
  if (tell_asker(done, steps_, what)) return;
  const auto now = std::chrono::steady_clock::now();
  const std::string line = with_commas(done) + " of " + with_commas(steps_) + ": " + what;
  if (terminal_ && (done == steps_ || now - shown_ > std::chrono::milliseconds(100))) {
    // A line that is wider than the terminal could not be rewritten.
    std::fprintf(stderr, "\r%s\x1b[K", cut(line, terminal_width(stderr) - 1).c_str());
    std::fflush(stderr);
    open_ = true, shown_ = now;
  }
  const std::int64_t tenth = done * 10 / steps_;
  if (!terminal_ && tenth != tenth_) std::fprintf(stderr, "%s\n", line.c_str());
  tenth_ = tenth;
}

void LongWay::operator()(std::int64_t done, std::int64_t all) {
  constexpr double kSilent = 2, kLong = 60;   // seconds
  const double past =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  if (tell_asker(done, all, steps_) || past < kSilent) return;
  const double to_come = past * static_cast<double>(all - done) / static_cast<double>(done);
  if (!progress_) {
    if (to_come > kLong)
      std::fprintf(stderr, "This may take %s: %s %s, a run for each. %s\n",
                   duration(to_come).c_str(), with_commas(all).c_str(), steps_.c_str(),
                   quicker_.c_str());
    progress_.emplace(all);
  }
  (*progress_)(done, steps_ + ", " + duration(to_come) + " left");
  if (done == all) progress_.reset();   // what follows may print
}

extern const Command kInterpAblate;
extern const Command kInterpAttention;
extern const Command kInterpCache;
extern const Command kInterpComposition;
extern const Command kInterpDynamics;
extern const Command kInterpHeads;
extern const Command kInterpInduction;
extern const Command kInterpPatch;
extern const Command kInterpAttribute;
extern const Command kInterpLens;
extern const Command kInterpNeurons;
extern const Command kInterpSae;
extern const Command kInterpPath;
extern const Command kInterpSteer;
extern const Command kInterpCircuit;

namespace {

// clang-format off
const Command* const kAnalyses[] = {
    &kInterpCache,
    &kInterpAttention,
    &kInterpHeads,
    &kInterpInduction,
    &kInterpLens,
    &kInterpAttribute,
    &kInterpPatch,
    &kInterpPath,
    &kInterpAblate,
    &kInterpCircuit,
    &kInterpComposition,
    &kInterpNeurons,
    &kInterpSae,
    &kInterpSteer,
    &kInterpDynamics,
};
const Example kExamples[] = {
    {"glass interp attention --ckpt out/names --prompt anna", "where each head looks"},
};
// clang-format on

}   // namespace

extern const Command kInterp = {
    .name = "interp",
    .summary = "look inside of a trained model",
    .about =
        "Each analysis prints a picture for the terminal; --json prints its numbers, --png and "
        "--html write it as a picture or a page.",
    .examples = kExamples,
    .commands = kAnalyses};

}   // namespace glass
