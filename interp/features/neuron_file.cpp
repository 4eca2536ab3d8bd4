// A scan as a file: safetensors, whose notes say which weights, tokenizer and text it belongs to.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/base/error.h"
#include "interp/features/neuron_scan.h"

namespace glass {
namespace {

constexpr std::size_t kPerToken = 3, kNumbers = 8;

StoredTensor numbers(const std::string& name, const std::vector<double>& values,
                     std::vector<std::int64_t> shape) {
  const OwnedBytes bytes = allocate_bytes(values.size() * sizeof(double));
  std::memcpy(bytes.data.get(), values.data(), bytes.size);
  return {name, StoredType::f64, std::move(shape), bytes.span(), bytes.data};
}

// A number of every neuron is one row of doubles: counts below 2^53 are exact.
std::vector<double> row_of(const UnitRecord& r) {
  return {r.mean,       r.variance, r.min, r.max, r.low, r.high, static_cast<double>(r.positive),
          r.token_share};
}

}   // namespace

std::vector<StoredTensor> stored(const UnitScan& scan) {
  const std::int64_t all = static_cast<std::int64_t>(scan.records.size());
  std::vector<double> stats, histogram, tokens, lists[2];
  std::int64_t most[2] = {0, 0}, most_tokens = 0;
  for (const UnitRecord& r : scan.records) {
    most[0] = std::max(most[0], static_cast<std::int64_t>(r.top.size()));
    most[1] = std::max(most[1], static_cast<std::int64_t>(r.bottom.size()));
    most_tokens = std::max(most_tokens, static_cast<std::int64_t>(r.tokens.size()));
  }
  for (const UnitRecord& r : scan.records) {
    const std::vector<double> row = row_of(r);
    stats.insert(stats.end(), row.begin(), row.end());
    for (const std::int64_t count : r.histogram) histogram.push_back(static_cast<double>(count));
    for (const int side : {0, 1}) {
      for (const Moment& m : side == 0 ? r.top : r.bottom) {
        lists[side].push_back(m.value);
        lists[side].push_back(static_cast<double>(m.position));
      }
    }
    for (const TokenMean& t : r.tokens) {
      for (const double x : {static_cast<double>(t.token), t.mean, static_cast<double>(t.count)})
        tokens.push_back(x);
    }
  }
  const std::vector<double> text(scan.text.begin(), scan.text.end());
  return {numbers("stats", stats, {all, static_cast<std::int64_t>(kNumbers)}),
          numbers("histogram", histogram, {all, static_cast<std::int64_t>(kBins)}),
          numbers("top", lists[0], {all, most[0], 2}),
          numbers("bottom", lists[1], {all, most[1], 2}),
          numbers("tokens", tokens, {all, most_tokens, static_cast<std::int64_t>(kPerToken)}),
          numbers("text", text, {static_cast<std::int64_t>(text.size())})};
}

namespace {

// What a scan says of one unit, row i of every tensor.
class Records {
 public:
  Records(const KeptFile& file, std::size_t units, std::int64_t text, std::int64_t vocab_size)
      : file_(file), text_(text), V_(vocab_size) {
    stats_ = file.numbers("stats", units * kNumbers);
    histogram_ = file.numbers("histogram", units * kBins);
    for (const int side : {0, 1}) {
      K_[side] = file.count(kSides[side]) / units / 2;
      lists_[side] = file.numbers(kSides[side], units * K_[side] * 2);
    }
    tokens_each_ = file.count("tokens") / units / kPerToken;
    tokens_ = file.numbers("tokens", units * tokens_each_ * kPerToken);
  }

  UnitRecord at(std::size_t i) const {
    const double* s = &stats_[i * kNumbers];
    for (std::size_t j = 0; j < 6; ++j) file_.finite(s[j], "its statistics");
    UnitRecord r{moments(0, i),
                 moments(1, i),
                 s[0],
                 s[1],
                 s[2],
                 s[3],
                 file_.whole(s[6], 0, text_, "a count of tokens"),
                 s[4],
                 s[5]};
    if (r.variance < 0 || r.low > r.high) file_.refuse("a variance or a range is negative");
    r.token_share = s[7];   // NaN: nobody knows
    if (!std::isnan(s[7]) && !(s[7] >= 0 && s[7] <= 1)) file_.refuse("a share is not in 0 .. 1");
    for (std::size_t b = 0; b < kBins; ++b)
      r.histogram.push_back(
          file_.whole(histogram_[i * kBins + b], 0, text_, "a count of a histogram"));
    for (std::size_t j = 0; j < tokens_each_; ++j) {
      const double* t = &tokens_[(i * tokens_each_ + j) * kPerToken];
      r.tokens.push_back({static_cast<std::int32_t>(file_.whole(t[0], 0, V_ - 1, "a token")),
                          file_.finite(t[1], "a mean"),
                          file_.whole(t[2], 0, text_, "a count of tokens")});
    }
    return r;
  }

 private:
  static constexpr const char* kSides[2] = {"top", "bottom"};
  std::vector<Moment> moments(int side, std::size_t i) const {
    std::vector<Moment> all;
    for (std::size_t j = 0; j < K_[side]; ++j) {
      const double* m = &lists_[side][(i * K_[side] + j) * 2];
      all.push_back({file_.finite(m[0], "a moment"),
                     file_.whole(m[1], 0, text_ - 1, "the place of a moment")});
    }
    return all;
  }

  const KeptFile& file_;
  std::int64_t text_, V_;
  std::vector<double> stats_, histogram_, lists_[2], tokens_;
  std::size_t K_[2] = {0, 0}, tokens_each_ = 0;
};

}   // namespace

Notes notes_of(const UnitScan& scan) {
  return {{kTokenizerNote, scan.tokenizer_digest},
          {"glass.source", scan.source},
          {"glass.source.digest", scan.source_digest},
          {"glass.window", std::to_string(scan.T)}};
}

UnitScan read_scan(const KeptFile& file, const Specimen& specimen, int layers, int units) {
  file.require(kTokenizerNote, digest_of(specimen.tokenizer), "another tokenizer");
  const GPTConfig& c = specimen.config();
  UnitScan scan{specimen.from,
                "",
                file.note("glass.source"),
                file.note("glass.source.digest"),
                file.note(kTokenizerNote),
                file.integer("glass.window", 1, c.block_size),
                layers,
                units,
                {},
                {}};
  for (const double id : file.numbers("text", file.count("text")))
    scan.text.push_back(
        static_cast<std::int32_t>(file.whole(id, 0, c.vocab_size - 1, "a token of its text")));
  if (scan.text.empty() || scan.text.size() % static_cast<std::size_t>(scan.T) != 0)
    file.refuse("its text is not cut into windows");
  const std::size_t all = static_cast<std::size_t>(layers) * static_cast<std::size_t>(units);
  const Records records(file, all, static_cast<std::int64_t>(scan.text.size()), c.vocab_size);
  for (std::size_t i = 0; i < all; ++i) scan.records.push_back(records.at(i));
  return scan;
}

void save_neurons(const std::string& path, const UnitScan& scan) {
  Notes notes = notes_of(scan);
  notes["glass.layers"] = std::to_string(scan.layers);
  notes["glass.neurons"] = std::to_string(scan.units);
  save_kept(path, kKeptNeurons, scan.from, stored(scan), std::move(notes));
}

UnitScan load_neurons(const ByteSource& source, const Specimen& specimen,
                      const std::string& renew) {
  const KeptFile file(source, kKeptNeurons, specimen, renew);
  const GPTConfig& c = specimen.config();
  if (!c.has_mlp()) file.refuse("this model has no neurons");
  file.require("glass.layers", std::to_string(c.n_layer), "another number of layers");
  file.require("glass.neurons", std::to_string(c.inner()), "another number of neurons");
  return read_scan(file, specimen, static_cast<int>(c.n_layer), static_cast<int>(c.inner()));
}

UnitScan load_neurons(const std::string& path, const Specimen& specimen, const std::string& renew) {
  UnitScan scan = load_neurons(FileSource(path), specimen, renew);
  scan.path = path;
  return scan;
}

}   // namespace glass
