#include "tools/interp/task.h"

namespace glass {
namespace {

std::vector<std::int32_t> text_of(const Arguments& args, const Specimen& specimen,
                                  const char* name) {
  if (!specimen.tokenizer)
    fail(
        UsageError("nobody knows what the tokens of this model mean; name its tokenizer with "
                   "--tokenizer."));
  return specimen.tokenizer->encode_special(prompt_text(args.text(name)));
}

}   // namespace

Task task_asked(const Arguments& args, const Specimen& specimen) {
  if (args.has("clean") != args.has("corrupt"))
    fail(
        UsageError("--clean and --corrupt belong together: a patch goes from one text to the "
                   "other."));
  if (!args.has("clean")) {
    for (const char* name : {"target", "foil"})
      if (args.has(name))
        fail(UsageError("--" + std::string(name) + " goes with --clean and --corrupt."));
    if (args.text("task") != "induction") return read_task(specimen, args.text("task"));
    return induction_task(specimen, static_cast<int>(args.integer("pairs")),
                          static_cast<std::uint64_t>(args.integer("seed")));
  }
  Contrast pair{text_of(args, specimen, "clean"), text_of(args, specimen, "corrupt"), -1, -1};
  check_texts(specimen, pair, "");
  if (args.has("target")) pair.target = one_token(specimen, args.text("target"), "--target");
  if (args.has("foil")) pair.foil = one_token(specimen, args.text("foil"), "--foil");
  ask_model(specimen, pair);
  check(specimen, pair, "");
  return {"texts", {pair}};
}

}   // namespace glass
