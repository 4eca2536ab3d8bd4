// glass interp cache: what flowed through the model, as a table or a file.
#include "interp/read/cache.h"

#include "engine/base/text.h"
#include "tools/interp/interp.h"

namespace glass {
namespace {

Findings find(const Arguments& args, const Microscope& microscope) {
  if (args.has("out")) refuse_to_overwrite(args.text("out"), args);
  const std::vector<std::int32_t> ids = tokens_asked(args, microscope.opened);
  const CacheResult result = cache_of(microscope.specimen, ids, {split(args.text("names"), ',')});
  if (args.has("out")) save_cache(args.text("out"), result);
  return findings(result);
}

// clang-format off
constexpr Option kOwn[] = {
    {.name = "names", .value = "PATTERN,PATTERN", .fallback = "*", .help = "which places, by name; * stands for anything: blocks.*.attn.hook_pattern", .group = "What"},
    {.name = "out", .value = "FILE", .help = "write them all under their names as a safetensors file", .also = "o", .group = "Output"},
    {.name = "overwrite", .type = Type::flag, .help = "replace a file that is there"},
};
constexpr auto kOptions = joined(kTextOptions, kOwn, kPictureOptions);
const Example kExamples[] = {
    {"glass interp cache --ckpt out/names --prompt anna", "a table of all places"},
    {"glass interp cache --ckpt out/names --prompt anna --names 'blocks.*.hook_resid_pre' -o anna.safetensors", "the stream between the blocks, for another program"},
};
// clang-format on

}   // namespace

extern const Command kInterpCache = {.name = "cache",
                                     .summary = "keep what flows through the model, by name",
                                     .examples = kExamples,
                                     .options = kOptions,
                                     .run = run_analysis,
                                     .find = find};

}   // namespace glass
