// glass interp: looking inside of a trained model. Each analysis has a file here, which reads the
// options, and one in interp/, which computes.
#include "tools/interp/interp.h"

#include "engine/base/json.h"
#include "tools/terminal.h"

namespace glass {

Microscope open_specimen(const Arguments& args) {
  Opened opened = open_saved(args);
  GPT& gpt = gpt_of(opened.model());
  const Provenance from{args.line(),
                        opened.saved.path,
                        opened.saved.digest,
                        opened.saved.step,
                        args.integer("seed"),
                        std::string(opened.machine.backend->name())};
  Specimen specimen{gpt, opened.saved.tokenizer, from};
  return {std::move(opened), std::move(specimen)};
}

ExitCode tell(const Arguments& args, const Page& page, const std::function<void(Json&)>& put) {
  Json json;
  begin(json, page.from);
  put(json);
  json.end();
  if (args.has("png")) write_whole_file(args.text("png"), page_png(page));
  if (args.has("html"))
    write_whole_file(args.text("html"), pages_html(page.title, {{page, json.text()}}));
  if (args.flag("json")) {
    print(json.text() + "\n");
  } else {
    const auto colour = wants_colour(stdout) ? PageTextOptions::Colour::ansi
                                             : PageTextOptions::Colour::none;
    print(page_text(page, {terminal_width(stdout), colour}));
  }
  return ExitCode::ok;
}

extern const Command kInterpAttention;
extern const Command kInterpComposition;
extern const Command kInterpHeads;
extern const Command kInterpInduction;
extern const Command kInterpPatch;

namespace {

// clang-format off
const Command* const kAnalyses[] = {
    &kInterpAttention,
    &kInterpComposition,
    &kInterpHeads,
    &kInterpInduction,
    &kInterpPatch,
};
const Example kExamples[] = {
    {"glass interp attention --ckpt out/names --prompt anna", "where each head looks"},
};
// clang-format on

}   // namespace

extern const Command kInterp = {
    .name = "interp",
    .summary = "look inside of a trained model",
    .about = "Each analysis prints a picture for the terminal; --json prints its numbers, --png and "
             "--html write it as a picture or a page.",
    .examples = kExamples,
    .commands = kAnalyses};

}   // namespace glass
