// A scan as a file: safetensors, whose notes say which weights, tokenizer and text it belongs to.
#include <algorithm>
#include <cstring>

#include "engine/base/error.h"
#include "interp/features/neuron_scan.h"
#include "model/formats/safetensors.h"

namespace glass {
namespace {

constexpr const char *kKind = "neurons", *kVersion = "1";   // the version: of what a scan computes
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

class Reader {
 public:
  Reader(const Safetensors& file, std::string path) : file_(file), path_(std::move(path)) {}
  std::vector<double> get(const std::string& name, std::size_t count) const {
    for (const StoredTensor& t : file_.tensors) {
      if (t.name != name) continue;
      if (t.type != StoredType::f64 || t.bytes.size() != count * sizeof(double)) break;
      std::vector<double> values(count);
      std::memcpy(values.data(), t.bytes.data(), t.bytes.size());
      return values;
    }
    fail(ContentError(path_ + " has no whole " + name + "; scan again."));
  }
  std::size_t size(const std::string& name) const {
    for (const StoredTensor& t : file_.tensors)
      if (t.name == name) return t.bytes.size() / sizeof(double);
    return 0;
  }

 private:
  const Safetensors& file_;
  std::string path_;
};

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

void read_records(UnitScan& scan, const Safetensors& file, const std::string& what,
                  std::int64_t vocab_size) {
  const std::size_t all =
      static_cast<std::size_t>(scan.layers) * static_cast<std::size_t>(scan.units);
  const Reader reader(file, what);
  const std::vector<double> text = reader.get("text", reader.size("text"));
  for (const double id : text) {
    if (!(id >= 0 && id < static_cast<double>(vocab_size)))
      fail(ContentError(what + ": its text has a token that the model has not."));
    scan.text.push_back(static_cast<std::int32_t>(id));
  }
  if (scan.T < 1 || scan.text.empty() || scan.text.size() % static_cast<std::size_t>(scan.T) != 0)
    fail(ContentError(what + ": its text is not cut into windows."));

  const std::vector<double> stats = reader.get("stats", all * kNumbers),
                            histogram = reader.get("histogram", all * kBins);
  const std::size_t K[2] = {reader.size("top") / all / 2, reader.size("bottom") / all / 2},
                    k = reader.size("tokens") / all / kPerToken;
  const std::vector<double> lists[2] = {reader.get("top", all * K[0] * 2),
                                        reader.get("bottom", all * K[1] * 2)};
  const std::vector<double> tokens = reader.get("tokens", all * k * kPerToken);
  for (std::size_t i = 0; i < all; ++i) {
    const double* s = &stats[i * kNumbers];
    UnitRecord r{{}, {}, s[0], s[1], s[2], s[3], static_cast<std::int64_t>(s[6]), s[4], s[5]};
    r.token_share = s[7];
    for (std::size_t b = 0; b < kBins; ++b)
      r.histogram.push_back(static_cast<std::int64_t>(histogram[i * kBins + b]));
    for (const int side : {0, 1}) {
      for (std::size_t j = 0; j < K[side]; ++j) {
        const double* m = &lists[side][(i * K[side] + j) * 2];
        if (!(m[1] >= 0 && m[1] < static_cast<double>(scan.text.size())))
          fail(ContentError(what + ": a moment lies outside of its text."));
        (side == 0 ? r.top : r.bottom).push_back({m[0], static_cast<std::int64_t>(m[1])});
      }
    }
    for (std::size_t j = 0; j < k; ++j) {
      const double* t = &tokens[(i * k + j) * kPerToken];
      r.tokens.push_back({static_cast<std::int32_t>(t[0]), t[1], static_cast<std::int64_t>(t[2])});
    }
    scan.records.push_back(std::move(r));
  }
}

void save_neurons(const std::string& path, const UnitScan& scan) {
  save_safetensors(path, stored(scan),
                   {{"glass.kind", kKind},
                    {"glass.scan", kVersion},
                    {"glass.model", scan.from.digest},
                    {"glass.tokenizer", scan.tokenizer_digest},
                    {"glass.source", scan.source},
                    {"glass.source.digest", scan.source_digest},
                    {"glass.window", std::to_string(scan.T)},
                    {"glass.layers", std::to_string(scan.layers)},
                    {"glass.neurons", std::to_string(scan.units)},
                    {"glass.command", scan.from.command}});
}

UnitScan load_neurons(const std::string& path, const Specimen& specimen, const std::string& renew) {
  const Safetensors file = load_safetensors(path);
  const auto note = [&](const char* key) {
    const auto found = file.notes.find(key);
    return found == file.notes.end() ? std::string() : found->second;
  };
  const GPTConfig& c = specimen.config();
  if (note("glass.kind") != kKind)
    fail(ContentError(path + " is no scan of neurons; make one: " + renew));
  const auto require = [&](const char* key, const std::string& now, const std::string& what) {
    if (note(key) != now)
      fail(ContentError(path + " is stale: it was made with " + what +
                        " than now. Renew it: " + renew));
  };
  require("glass.scan", kVersion, "another version of this program");
  require("glass.model", specimen.from.digest, "other weights");
  require("glass.tokenizer", digest_of(specimen.tokenizer), "another tokenizer");
  require("glass.layers", std::to_string(c.n_layer), "another number of layers");
  require("glass.neurons", std::to_string(c.inner()), "another number of neurons");

  UnitScan scan{specimen.from,
                path,
                note("glass.source"),
                note("glass.source.digest"),
                note("glass.tokenizer"),
                std::atoll(note("glass.window").c_str()),
                static_cast<int>(c.n_layer),
                static_cast<int>(c.inner()),
                {},
                {}};
  read_records(scan, file, path, c.vocab_size);
  if (scan.T > c.block_size)
    fail(ContentError(path + ": its windows are longer than what the model reads."));
  return scan;
}

}   // namespace glass
