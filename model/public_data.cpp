#include "model/public_data.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iterator>

#include "engine/base/error.h"
#include "engine/base/text.h"

namespace glass {
namespace {

// clang-format off
const PublicFile kFiles[] = {
    {.name = "tinyshakespeare", .file = "tinyshakespeare.txt",
     .what = "40,000 lines of Shakespeare", .licence = "public domain",
     .url = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
     .bytes = 1115394, .sha256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed", .text = true},
    {.name = "makemore-names", .file = "makemore-names.txt",
     .what = "32,033 given names, as in microgpt.py", .licence = "MIT",
     .url = "https://raw.githubusercontent.com/karpathy/makemore/988aa59/names.txt",
     .bytes = 228145, .sha256 = "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d", .text = true, .separator = "\n"},
    {.name = "tinystories-valid", .file = "TinyStoriesV2-GPT4-valid.txt",
     .what = "stories in simple words, the small part", .licence = "CDLA-Sharing-1.0",
     .url = "https://huggingface.co/datasets/roneneldan/TinyStories/resolve/f54c09fd23315a6f9c86f9dc80f725de7d8f9c64/TinyStoriesV2-GPT4-valid.txt",
     .bytes = 22502601, .sha256 = "6874bae9a4c1a4e7edcf0e53b86c17817e9cf881fc75ff2368da457b80c0585d", .text = true, .separator = "<|endoftext|>"},
    {.name = "tinystories", .file = "TinyStoriesV2-GPT4-train.txt",
     .what = "stories in simple words, all of them", .licence = "CDLA-Sharing-1.0",
     .url = "https://huggingface.co/datasets/roneneldan/TinyStories/resolve/f54c09fd23315a6f9c86f9dc80f725de7d8f9c64/TinyStoriesV2-GPT4-train.txt",
     .bytes = 2227753162, .sha256 = "6418d412de72888f52b5142c761ac21a582f7d1166f0bfbdb5f03ccfdec90443", .text = true, .separator = "<|endoftext|>"},
    {.name = "gpt2", .file = "gpt2/model.safetensors",
     .what = "GPT-2 of 124 M weights", .licence = "MIT",
     .url = "https://huggingface.co/openai-community/gpt2/resolve/607a30d783dfa663caf39e06633721c8d4cfcd7e/model.safetensors",
     .bytes = 548105171, .sha256 = "248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707",
     .ckpt = "gpt2", .with = "gpt2-config gpt2-vocab gpt2-merges"},
    {.name = "gpt2-config", .file = "gpt2/config.json",
     .what = "its sizes", .licence = "MIT",
     .url = "https://huggingface.co/openai-community/gpt2/resolve/607a30d783dfa663caf39e06633721c8d4cfcd7e/config.json",
     .bytes = 665, .sha256 = "0daed7749b4f02b8f76240d5444551d7b08712dab4d0adb8239c56ba823bb7b4"},
    {.name = "gpt2-vocab", .file = "gpt2/vocab.json",
     .what = "its tokens", .licence = "MIT",
     .url = "https://huggingface.co/openai-community/gpt2/resolve/607a30d783dfa663caf39e06633721c8d4cfcd7e/vocab.json",
     .bytes = 1042301, .sha256 = "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783"},
    {.name = "gpt2-merges", .file = "gpt2/merges.txt",
     .what = "its merges", .licence = "MIT",
     .url = "https://huggingface.co/openai-community/gpt2/resolve/607a30d783dfa663caf39e06633721c8d4cfcd7e/merges.txt",
     .bytes = 456318, .sha256 = "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5"},
    {.name = "gpt2-tokenizer", .file = "gpt2/tokenizer.json",
     .what = "both in one file", .licence = "MIT",
     .url = "https://huggingface.co/openai-community/gpt2/resolve/607a30d783dfa663caf39e06633721c8d4cfcd7e/tokenizer.json",
     .bytes = 0, .sha256 = "8414cab924d8b9b33013f0d221c5862f365ee9be39c5c2bfae8a5a9e970478a6"},
    {.name = "r50k", .file = "r50k_base.tiktoken",
     .what = "GPT-2's tokenizer as ranks", .licence = "MIT",
     .url = "https://openaipublic.blob.core.windows.net/encodings/r50k_base.tiktoken",
     .bytes = 835554, .sha256 = "306cd27f03c1a714eca7108e03d66b7dc042abe8c258b44c199a7ed9838dd930"},
    {.name = "cl100k", .file = "cl100k_base.tiktoken",
     .what = "GPT-4's tokenizer as ranks", .licence = "MIT",
     .url = "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken",
     .bytes = 1681126, .sha256 = "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"},
    {.name = "o200k", .file = "o200k_base.tiktoken",
     .what = "GPT-4o's tokenizer as ranks", .licence = "MIT",
     .url = "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken",
     .bytes = 3613922, .sha256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"},
    {.name = "llmc-gpt2", .file = "gpt2_124M.bin",
     .what = "GPT-2 for llm.c, f32", .licence = "MIT",
     .url = "https://huggingface.co/datasets/karpathy/llmc-starter-pack/resolve/main/gpt2_124M.bin",
     .bytes = 497904640, .sha256 = "3da8b207584030bcdcd207cf7a99952e3421dce92da218b351071857511bf162",
     .ckpt = "gpt2_124M.bin", .with = "llmc-tokenizer"},
    {.name = "llmc-gpt2-bf16", .file = "gpt2_124M_bf16.bin",
     .what = "the same in bf16", .licence = "MIT",
     .url = "https://huggingface.co/datasets/karpathy/llmc-starter-pack/resolve/main/gpt2_124M_bf16.bin",
     .bytes = 248952832, .sha256 = "6661f45628102b4c6e86835d9057b5ba2c024dbf9b81445175e258b7878a1a6f",
     .ckpt = "gpt2_124M_bf16.bin", .with = "llmc-tokenizer"},
    {.name = "llmc-debug", .file = "gpt2_124M_debug_state.bin",
     .what = "a batch with its logits and gradients", .licence = "MIT",
     .url = "https://huggingface.co/datasets/karpathy/llmc-starter-pack/resolve/main/gpt2_124M_debug_state.bin",
     .bytes = 549369860, .sha256 = "a80c4448eed47c561314a2189e62c49b2c7477c265fc2f15c8470d18401693d9"},
    {.name = "llmc-tokenizer", .file = "gpt2_tokenizer.bin",
     .what = "GPT-2's tokens for llm.c", .licence = "MIT",
     .url = "https://huggingface.co/datasets/karpathy/llmc-starter-pack/resolve/main/gpt2_tokenizer.bin",
     .bytes = 372108, .sha256 = "6f3abc21e444e4e8300e225f4e03da48ea121cf17e30f67009b8dad7a66c2f13"},
};
// clang-format on

std::string from_environment(const char* variable) {
  const char* value = std::getenv(variable);
  return value == nullptr ? "" : value;
}

}   // namespace

std::span<const PublicFile> public_files() { return kFiles; }

const PublicFile* find_public_file(std::string_view name) {
  const auto found = std::find_if(std::begin(kFiles), std::end(kFiles),
                                  [&](const PublicFile& f) { return f.name == name; });
  return found == std::end(kFiles) ? nullptr : found;
}

std::vector<const PublicFile*> with_companions(const PublicFile& file) {
  std::vector<const PublicFile*> all = {&file};
  for (const std::string& name : split(file.with, ' '))
    if (const PublicFile* companion = find_public_file(name)) all.push_back(companion);
  return all;
}

std::string path_of_model(const std::string& said) {
  std::error_code fault;
  const PublicFile* file = find_public_file(said);
  if (std::filesystem::exists(said, fault) || file == nullptr || file->ckpt.empty()) return said;
  const std::string path = data_folder() + "/" + std::string(file->ckpt);
  for (const PublicFile* part : with_companions(*file)) {
    if (!std::filesystem::exists(data_folder() + "/" + std::string(part->file), fault))
      fail(SystemError("the model " + said +
                       " is not on this machine; to download it: glass data "
                       "fetch " +
                       said + " --run"));
  }
  return path;
}

namespace {

std::string default_folder() {
  if (const std::string base = from_environment("XDG_DATA_HOME"); !base.empty())
    return base + "/glass";
  const std::string home = from_environment("HOME");
  return (home.empty() ? "." : home) + "/.local/share/glass";
}

}   // namespace

std::string data_folder() { return data_folders().front(); }

std::vector<std::string> data_folders() {
  if (const std::string folder = from_environment("GLASS_DATA"); !folder.empty())
    return {folder, default_folder()};
  return {default_folder()};
}

}   // namespace glass
