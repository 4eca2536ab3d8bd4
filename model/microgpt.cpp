// The whole algorithm in one file, from the text to the made-up names.
// T positions, C channels, H heads of D = C / H channels, V tokens. A Row is one vector of Values.
#include "model/microgpt.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/utf8.h"

namespace glass {

// --- 1. The names --------------------------------------------------------------------------------

MicroNames read_names(std::string_view text, const std::string& what) {
  std::u32string all;
  if (const std::size_t end = decode_utf8(text, all); end < text.size()) {
    fail(ContentError(what + " is not text: byte " + std::to_string(end + 1) + " is not UTF-8."));
  }
  MicroNames names;
  for (auto line = all.begin(); line != all.end();) {
    const auto end =
        std::find_if(line, all.end(), [](char32_t c) { return c == '\n' || c == '\r'; });
    const auto first = std::find_if_not(line, end, is_space);
    const auto last =
        std::find_if_not(std::reverse_iterator(end), std::reverse_iterator(first), is_space).base();
    if (first != last) names.docs.emplace_back(first, last);
    line = end == all.end() ? end : end + 1;
  }
  if (names.docs.empty())
    fail(ContentError(what + " has no names in it; give a text file with one name a line."));
  for (const std::u32string& doc : names.docs) names.letters += doc;
  std::sort(names.letters.begin(), names.letters.end());
  names.letters.erase(std::unique(names.letters.begin(), names.letters.end()), names.letters.end());
  return names;
}

std::vector<int> MicroNames::tokens(std::size_t doc) const {
  std::vector<int> tokens = {bos()};
  for (const char32_t c : docs[doc]) {
    tokens.push_back(
        static_cast<int>(std::lower_bound(letters.begin(), letters.end(), c) - letters.begin()));
  }
  tokens.push_back(bos());
  return tokens;
}

std::string MicroNames::text(std::span<const int> tokens) const {
  std::u32string name;
  for (const int token : tokens) name += letters.at(static_cast<std::size_t>(token));
  return encode_utf8(name);
}

// --- 2. The weights ------------------------------------------------------------------------------

MicroStart::MicroStart(MicroNames some_names, MicroOptions some_options)
    : names(std::move(some_names)), random(some_options.seed), options(some_options) {
  random.shuffle(std::span(names.docs));
  const int V = names.vocab(), T = kMicroT, C = kMicroC;
  weights = {{"wte", V, C, {}},     {"wpe", T, C, {}},         {"lm_head", V, C, {}},
             {"attn_wq", C, C, {}}, {"attn_wk", C, C, {}},     {"attn_wv", C, C, {}},
             {"attn_wo", C, C, {}}, {"mlp_fc1", 4 * C, C, {}}, {"mlp_fc2", C, 4 * C, {}}};
  for (MicroWeight& w : weights) {
    for (int i = 0; i < w.rows * w.columns; ++i) w.values.push_back(random.gauss(0, 0.08));
  }
}

int MicroStart::parameters() const {
  int count = 0;
  for (const MicroWeight& w : weights) count += w.rows * w.columns;
  return count;
}

ScalarMicrogpt::ScalarMicrogpt(MicroStart start) : Microgpt(std::move(start)) {
  std::vector<scalar::Matrix*> matrices = {&wte_,     &wpe_,     &lm_head_, &attn_wq_, &attn_wk_,
                                           &attn_wv_, &attn_wo_, &mlp_fc1_, &mlp_fc2_};
  for (std::size_t i = 0; i < matrices.size(); ++i) {
    const MicroWeight& w = start_.weights[i];
    *matrices[i] = {tape_.at(tape_.size()), w.rows, w.columns};
    for (const double x : w.values) tape_.number(x);
  }
  m_.resize(static_cast<std::size_t>(start_.parameters()));
  v_.resize(m_.size());
}

// --- 3. The model --------------------------------------------------------------------------------

namespace {

using scalar::Value;
using Row = std::vector<Value>;
using Few = std::span<const Value>;

Row operator+(Few a, Few b) {
  Row y(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) y[i] = a[i] + b[i];
  return y;
}

Value dot(Few a, Few b) {
  Value total = a[0].tape().at(0);
  for (std::size_t i = 0; i < a.size(); ++i) total = total + a[i] * b[i];
  return total;
}

// The largest is subtracted first: exp(800) is too large for a number, and the result is the same.
Row softmax(Few logits) {
  double largest = logits[0].data();
  for (const Value& x : logits) largest = std::max(largest, x.data());
  Row y(logits.begin(), logits.end());
  for (Value& x : y) x = exp(x - largest);
  const Value total = sum(y);
  for (Value& e : y) e = e / total;
  return y;
}

Row rmsnorm(Few x) {
  const Value mean_square = dot(x, x) / static_cast<double>(x.size());
  const Value scale = pow(mean_square + kMicroEps, -0.5);
  Row y(x.begin(), x.end());
  for (Value& yi : y) yi = yi * scale;
  return y;
}

}   // namespace

// What may follow `token`, as V logits, given everything before it. seen(name, row) is row; it only
// shows it to whoever watches.
Row ScalarMicrogpt::gpt(int token, int position, Past& past) {
  constexpr int C = kMicroC, D = kMicroC / kMicroH;
  Row x(C);
  for (int i = 0; i < C; ++i) x[i] = wte_(token, i) + wpe_(position, i);
  x = seen("normed", rmsnorm(seen("embedding", x)));

  // Tokens talk to each other: each asks a question (q), and listens to what those say (v) whose
  // key (k) answers it.
  Row residual = x;
  x = seen("attn_in", rmsnorm(x));
  const Row q = seen("q", linear(attn_wq_, x));
  past.keys.push_back(seen("k", linear(attn_wk_, x)));
  past.values.push_back(seen("v", linear(attn_wv_, x)));
  Row heard;
  for (int h = 0; h < C; h += D) {
    const auto head = [h](Few row) { return row.subspan(static_cast<std::size_t>(h), D); };
    Row scores;
    for (const Row& key : past.keys) scores.push_back(dot(head(q), head(key)) / std::sqrt(D));
    const Row weights = seen("weights", softmax(seen("scores", scores)));
    for (int j = h; j < h + D; ++j) {
      Row column;
      for (const Row& value : past.values) column.push_back(value[static_cast<std::size_t>(j)]);
      heard.push_back(dot(weights, column));
    }
  }
  x = seen("attn_out", linear(attn_wo_, seen("heard", heard)) + residual);

  // Each token thinks by itself.
  residual = x;
  Row hidden = seen("hidden", linear(mlp_fc1_, seen("mlp_in", rmsnorm(x))));
  for (Value& value : hidden) value = relu(value);
  x = seen("mlp_out", linear(mlp_fc2_, seen("relu", hidden)) + residual);

  return seen("logits", linear(lm_head_, x));
}

// --- 4. Learning ---------------------------------------------------------------------------------

// How surprised the model is, on average: -log(the probability that it gave to what came next).
Value ScalarMicrogpt::loss_of(std::span<const int> tokens) {
  const int n = std::min(kMicroT, static_cast<int>(tokens.size()) - 1);
  Past past;
  Row losses;
  for (int i = 0; i < n; ++i) {
    const Row probs = seen("probs", softmax(gpt(tokens[i], i, past)));
    losses.push_back(-log(probs[static_cast<std::size_t>(tokens[i + 1])]));
  }
  return (1.0 / n) * sum(losses);
}

// Adam (Kingma and Ba, 2014): a step against the mean of the recent gradients, divided by their
// usual size. Python writes ** 2 and ** 0.5 here; a product and a square root are the same but for
// the last bit, and thirty times faster.
void ScalarMicrogpt::update() {
  constexpr double kLearningRate = 0.01, kBeta1 = 0.85, kBeta2 = 0.99, kEps = 1e-8;
  const double done = static_cast<double>(done_) / start_.options.steps;
  const double lr = kLearningRate * (1 - done);
  const double correction1 = 1 - std::pow(kBeta1, done_ + 1);   // the means began at 0
  const double correction2 = 1 - std::pow(kBeta2, done_ + 1);
  const int count = start_.parameters();
  double* const p = tape_.data(weights(), count).data();
  const double* const g = tape_.grad(weights(), count).data();
  double *const m = m_.data(), *const v = v_.data();
  for (int i = 0; i < count; ++i) {
    m[i] = kBeta1 * m[i] + (1 - kBeta1) * g[i];
    v[i] = kBeta2 * v[i] + (1 - kBeta2) * (g[i] * g[i]);
    p[i] -= lr * (m[i] / correction1) / (std::sqrt(v[i] / correction2) + kEps);
  }
  tape_.rewind(1 + count);
  ++done_;
}

double ScalarMicrogpt::step() {
  const Value loss = loss_of(next_tokens());
  const double result = loss.data();
  backward(loss);
  update();
  return result;
}

// --- 5. Making up names --------------------------------------------------------------------------

std::string ScalarMicrogpt::sample() {
  const MicroNames& names = start_.names;
  std::vector<int> name;
  Past past;
  for (int token = names.bos(), i = 0; i < kMicroT; ++i) {
    Row logits = gpt(token, i, past);
    for (Value& x : logits) x = x / start_.options.temperature;
    std::vector<double> probs;
    for (const Value& p : softmax(logits)) probs.push_back(p.data());
    token = static_cast<int>(start_.random.choice(probs));
    if (token == names.bos()) break;
    name.push_back(token);
  }
  tape_.rewind(1 + start_.parameters());
  return names.text(name);
}

}   // namespace glass
