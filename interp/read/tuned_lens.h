// The tuned lens (Belrose et al. 2023): early layers keep their guess in a form that the head
// cannot read. For every place an affine map y = x + x A + b learns to say what the output will
// say; A = 0 and b = 0, where it starts, is the logit lens. The model itself stays as it is.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "interp/kept_file.h"
#include "interp/page/page.h"
#include "interp/specimen.h"
#include "model/dataset.h"

namespace glass {

// Where a lens reads: before a block, between its halves, behind it, or everywhere.
enum class LensAt : std::uint8_t { pre, mid, post, all };

struct LensPlace {
  std::string name;   // "3 mid"
  std::string hook;   // "blocks.3.hook_resid_mid"
};
// From the first to the output, which is always the last. UsageError for the middle of blocks
// without an mlp.
std::vector<LensPlace> lens_places(const GPTConfig& config, LensAt at);

struct Translator {
  std::string place;     // the hook
  Tensor weight, bias;   // A (C,C), which x is multiplied with from the left, and b (C)
  double kl = 0, kl_logit_lens = 0;   // KL(output || p here) on text that was not learned from
};

struct TunedLens {
  std::string path, model;   // the file; the digest of the model that it was trained for
  std::vector<Translator> translators;

  Tensor translate(std::string_view place, const Tensor& x) const;   // x itself where it has none
  // UsageError where it was trained for none of these places.
  void require(const std::vector<LensPlace>& places) const;
};

struct TunedLensOptions {
  LensAt at = LensAt::post;
  int steps = 250, B = 8;
  std::int64_t T = 0;   // tokens a window; 0: as many as the model reads, 128 at most
  double learning_rate = 1e-3;
  std::function<void(int step, double kl)> progress =
      {};   // kl: mean over the places, on this batch
};

struct TunedLensResult {
  Provenance from;
  std::string data;
  TunedLens lens;                     // only those that read better than the logit lens does
  std::vector<Translator> measured;   // all of them
  int steps = 0;
};

// Trains on data.train and judges on data.val (where there is none, on the last tenth of train).
TunedLensResult train_tuned_lens(const Specimen& specimen, const Dataset& data,
                                 const TunedLensOptions& options = {});

void save_tuned_lens(const std::string& path, const TunedLensResult& result);
// ContentError where the file is none, or was trained for other weights than these; `renew`: the
// command that trains such a lens.
TunedLens load_tuned_lens(const std::string& path, const Specimen& specimen,
                          const std::string& renew);
TunedLens load_tuned_lens(const ByteSource& source, const Specimen& specimen,
                          const std::string& renew);

Page page_of(const TunedLensResult& result);
void put(Json& json, const TunedLensResult& result);

}   // namespace glass
