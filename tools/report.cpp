// glass report: all that the analyses have to say about a model, on one page.
#include "tools/report.h"

#include <filesystem>

#include "engine/base/json.h"
#include "engine/base/text.h"
#include "interp/heads/sequences.h"
#include "interp/kept_file.h"
#include "model/generate.h"
#include "tools/interp/interp.h"
#include "tools/pages_html.h"
#include "tools/shell_word.h"
#include "tools/terminal.h"
#include "tools/text_options.h"

namespace glass {
namespace {

namespace fs = std::filesystem;

// Text from the model's own domain: what it writes itself; and where its tokens are no words,
// random ones that come twice.
std::vector<std::int32_t> own_text(const Microscope& microscope, std::uint64_t seed) {
  const Specimen& s = microscope.specimen;
  const GPTConfig& c = s.config();
  constexpr std::int64_t kLength = 24;
  const SequenceSource source(s, Bos::automatic, seed);
  const bool words = s.tokenizer && !microscope.opened.saved.path.starts_with("handmade:");
  if (!words && source.longest_half() >= 2)
    return repeated(source, std::min<std::int64_t>(source.longest_half(), 10), 0).ids;
  const std::int32_t first = s.first_token() >= 0 ? s.first_token() : 0;
  std::vector<std::int32_t> ids = {first};
  Generator generator(s.gpt, ids);
  SamplerOptions options;
  options.seed = seed, options.known = s.tokenizer ? s.tokenizer->vocab_size() : 0;
  const auto written =
      generator.sample(0, std::min<std::int64_t>(kLength, c.block_size) - 1, options);
  ids.insert(ids.end(), written.begin(), written.end());
  return ids;
}

std::string tokens_option(const std::vector<std::int32_t>& ids) {
  std::vector<std::string> numbers;
  for (const std::int32_t id : ids) numbers.push_back(std::to_string(id));
  return "--tokens " + join(numbers, ",");
}

ReportSubject subject_of(const Arguments& args, const Microscope& microscope) {
  const std::string ckpt = args.text("ckpt"), path = microscope.opened.saved.path;
  ReportSubject subject{microscope.specimen, {}, model_options(args), "", "", "", ""};
  if (args.has("prompt") || args.has("tokens")) {
    subject.ids = tokens_asked(args, microscope.opened);
    subject.text_options = args.has("tokens") ? "--tokens " + args.text("tokens")
                                              : "--prompt " + shell_word(args.text("prompt"));
  } else {
    subject.ids = own_text(microscope, static_cast<std::uint64_t>(args.integer("seed")));
    subject.text_options = tokens_option(subject.ids);
  }
  std::error_code ignored;
  const fs::path folder =
      fs::is_directory(ckpt, ignored) ? fs::path(ckpt) : fs::path(path).parent_path();
  if (fs::exists(folder / "metrics.jsonl", ignored)) subject.folder = folder.string();
  // Where glass interp neurons scan and glass interp sae train leave what they made.
  const auto kept = [&](const std::string& kind) {
    const std::string file = path_beside(path, kind);
    return fs::exists(file, ignored) ? file : std::string();
  };
  subject.neurons = kept("neurons"), subject.sae = kept("sae");
  return subject;
}

Page opening(const Specimen& s, const ReportSubject& subject) {
  const GPTConfig& c = s.config();
  Page page{"model", "What this is about", s.from};
  page.add(
      Paragraph{"Each part below asks the model one question, and says with which command it is "
                "asked alone. The parts about one text read this one:"});
  std::string words;
  for (const std::string& token : s.labels(subject.ids)) words += token;
  page.add(Paragraph{words});
  Table table{"", {"", ""}, {}, {}};
  const auto row = [&](const std::string& name, const std::string& value) {
    table.rows.push_back({name, value});
  };
  row("checkpoint", s.from.checkpoint);
  row("layers", std::to_string(c.n_layer));
  row("heads in each", std::to_string(c.n_head));
  row("channels", std::to_string(c.n_embd));
  row("tokens it knows", with_commas(c.vocab_size));
  row("tokens it reads", with_commas(c.block_size));
  row("mlps", c.has_mlp() ? "yes" : "none");
  row("norms", c.norm == NormPlace::pre    ? "before each part"
               : c.norm == NormPlace::post ? "behind each sum"
                                           : "none");
  page.add(std::move(table));
  return page;
}

ExitCode run(const Arguments& args) {
  const std::string out = args.text("out");
  refuse_to_overwrite(out, args);
  refuse_unwritable(out);
  const Microscope microscope = open_specimen(args);
  const ReportSubject subject = subject_of(args, microscope);
  std::vector<Findings> pages = {{opening(microscope.specimen, subject), ""}};
  std::vector<std::string> names;
  const auto rows = report_rows();
  {
    Progress progress(static_cast<std::int64_t>(rows.size()));
    std::int64_t done = 0;
    for (const ReportRow& row : rows) {
      progress(done++, row.name);
      pages.push_back(report_page(row, subject));
      names.push_back(row.name);
    }
  }
  const std::string html =
      pages_html("Inside of " + fs::path(args.text("ckpt")).filename().string(), pages);
  write_whole_file(out, html);
  if (args.flag("json")) {
    Json json;
    begin_json(json, args, microscope.opened);
    json.field("path", out).field("pages", names);
    json.field("bytes", static_cast<std::int64_t>(html.size())).end();
    print(json.text() + "\n");
  } else if (out != "-") {
    print("report  " + out + "  (" + std::to_string(names.size()) + " analyses, " +
          human_bytes(static_cast<double>(html.size())) + ")\n");
  }
  return ExitCode::ok;
}

// clang-format off
const Option kOptions[] = {
    kCkptOption,
    kTokenizerOption,
    kRanksOption,
    kPromptOption,
    kTokensOption,
    {.name = "out", .value = "FILE.html", .fallback = "report.html", .help = "where the page goes", .also = "o", .group = "Output"},
    {.name = "overwrite", .type = Type::flag, .help = "replace a file that is there"},
};
const Example kExamples[] = {
    {"glass report --ckpt out/names -o names.html", "everything, about a text that the model wrote itself"},
    {"glass report --ckpt handmade:induction -o induction.html", "of a model whose answers are known"},
};
// clang-format on

}   // namespace

extern const Command kReport = {
    .name = "report",
    .summary = "put all analyses of a model on one page",
    .about =
        "The page is one file that opens in any browser, from disk, without a network. An "
        "analysis that this model cannot have is on it with the reason.",
    .examples = kExamples,
    .options = kOptions,
    .run = run};

}   // namespace glass
