// Circuits are held against one that is known edge by edge, and against what must hold in every
// model: all edges are the clean run, none the corrupt one, a cut edge is a patched path, and first
// order is the derivative.
#include "interp/circuit/circuit.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>

#include "engine/base/error.h"
#include "interp/change/cells.h"
#include "interp/change/path.h"
#include "tests/interp/known.h"

namespace glass {
namespace {

using testing::Known;
using testing::known;
using testing::message_of;
using testing::not_post_norm;
using testing::random_models;
using testing::reference;

using Names = std::set<std::string>;
const Names kThree = {"embed -> 0.0.v", "0.0 -> 1.0.k", "1.0 -> logits"};

Names names_of(const Graph& graph, const EdgeSet& circuit) {
  Names names;
  for (std::size_t e = 0; e < circuit.size(); ++e)
    if (circuit[e]) names.insert(graph.name(static_cast<int>(e)));
  return names;
}

TEST(Graph, HasTheEdgesThatOneCountsByHand) {
  HandmadeOptions o;
  o.heads = 4;
  const Graph graph(make_handmade(o, testing::cpu())->config());
  EXPECT_EQ(graph.edges().size(), 2 * 12 + 6 * 12 + 10);
  EXPECT_EQ(graph.name(graph.edge_named("0.3 -> 1.2.k")), "0.3 -> 1.2.k");
  EXPECT_NE(message_of<UsageError>([&] { graph.edge_named("1.0 -> 0.1.k"); }).find("no edge"),
            std::string::npos);
}

TEST(Graph, IsRefusedWhereANormStandsOnTheStream) {
  for (const Known& model :
       random_models([](const GPTConfig& c) { return c.norm == NormPlace::post; }))
    EXPECT_NE(message_of<UsageError>([&] { Graph{model.gpt->config()}; }).find("post-norm"),
              std::string::npos);
}

TEST(GraphRun, WithAllEdgesIsTheCleanRunAndWithNoneTheCorruptOne) {
  for (const Known& model : random_models(not_post_norm)) {
    SCOPED_TRACE(model.name);
    const Task task = induction_task(model.specimen, 3, 3);
    GraphRun run(model.specimen, task);
    const std::vector<double> m = run.metrics(std::vector<EdgeSet>{run.all(), run.none()});
    const double whole = std::abs(run.metric_clean() - run.metric_corrupt());
    EXPECT_NEAR(m[0], run.metric_clean(), 1e-4 * whole);
    EXPECT_NEAR(m[1], run.metric_corrupt(), 1e-4 * whole);
    EXPECT_NEAR(run.metrics(std::vector<EdgeSet>{run.all()}, 1)[0], m[0], 1e-4 * whole);
  }
}

// Cutting one edge of the whole model and patching the path that it is are one thing computed in
// two ways.
TEST(GraphRun, ACutEdgeIsAPatchedPath) {
  for (const Known& model : random_models(not_post_norm)) {
    SCOPED_TRACE(model.name);
    const Task task = induction_task(model.specimen, 2, 3);
    GraphRun run(model.specimen, task);
    PathOptions noise;
    noise.mode = PatchMode::noise;
    const PathResult paths = paths_of(model.specimen, task, noise);
    std::vector<EdgeSet> cut;
    for (std::size_t e = 0; e < run.graph().edges().size(); ++e) {
      cut.push_back(run.all());
      cut.back()[e] = 0;
    }
    const std::vector<double> m = run.metrics(cut);
    for (std::size_t e = 0; e < cut.size(); ++e) {
      const Edge& edge = run.graph().edges()[e];
      EXPECT_NEAR((run.metric_clean() - m[e]) / (run.metric_clean() - run.metric_corrupt()),
                  paths.at(static_cast<std::size_t>(edge.from), static_cast<std::size_t>(edge.to)),
                  2e-4)
          << run.graph().name(edge);
    }
  }
}

TEST(Acdc, TellsHowFarItIs) {
  const Known model = known("induction", {});
  const Task task = induction_task(model.specimen, 1, 5);
  GraphRun run(model.specimen, task);
  std::int64_t before = 0;
  acdc(run, {0.02}, [&](std::int64_t done, std::int64_t all) {
    EXPECT_EQ(all, 2 * 6 + 4 * 6 + 6);
    EXPECT_GT(done, before);
    before = done;
  });
  EXPECT_EQ(before, 42);   // also those that fell with their receiver
}

TEST(Acdc, FindsExactlyTheThreeEdgesHoweverTheCircuitIsWrittenDown) {
  for (const auto& [name, options] : testing::ways_to_write_induction()) {
    for (const auto measure : {AcdcOptions::Measure::kl, AcdcOptions::Measure::answer}) {
      SCOPED_TRACE(name);
      const Known model = known(name, options);
      const Task task = induction_task(model.specimen, 1, 5);
      GraphRun run(model.specimen, task);
      EXPECT_EQ(names_of(run.graph(), acdc(run, {0.02, measure}).kept), kThree);
    }
  }
}

TEST(Acdc, KeepsAllOrNothingAtTheEndsOfTheThreshold) {
  const Known model = known("induction", {});
  const Task task = induction_task(model.specimen, 1, 5);
  GraphRun run(model.specimen, task);
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(acdc(run, {-inf, AcdcOptions::Measure::kl}).kept, run.all());
  EXPECT_EQ(acdc(run, {inf, AcdcOptions::Measure::kl}).kept, run.none());
}

TEST(Acdc, KeepsBothOfTwoThatDoTheSame) {
  const Known model = known("twins", {.twins = true});
  const Task task = induction_task(model.specimen, 1, 5);
  GraphRun run(model.specimen, task);
  const Names five = {"embed -> 0.0.v", "0.0 -> 1.0.k", "0.0 -> 1.1.k", "1.0 -> logits",
                      "1.1 -> logits"};
  EXPECT_EQ(names_of(run.graph(), acdc(run, {0.02, AcdcOptions::Measure::answer}).kept), five);
}

// Cut by cut through the whole model, as it is defined: starting behind what did not change must
// not change what is decided.
TEST(Acdc, DecidesWhatRunsOfTheWholeModelWouldDecide) {
  for (const Known& model : random_models([](const GPTConfig& c) {
         return not_post_norm(c) && c.kv_heads() == c.n_head && !c.norm_embed;
       })) {
    SCOPED_TRACE(model.name);
    const Task task = induction_task(model.specimen, 1, 3);
    GraphRun run(model.specimen, task);
    const Graph& graph = run.graph();
    const double whole = run.metric_clean() - run.metric_corrupt(), threshold = 0.1;
    EdgeSet circuit = run.all();
    double now = 0;
    for (int v = static_cast<int>(graph.receivers().size()); v-- > 0;) {
      bool heard = graph.receivers()[static_cast<std::size_t>(v)].kind == Receiver::Kind::logits;
      for (const int u : graph.senders_of(v))
        for (std::size_t e = 0; e < circuit.size(); ++e)
          heard |= circuit[e] != 0 && graph.edges()[e].from == u;
      for (int u = graph.earlier(v); u-- > 0;) {
        const std::size_t e = static_cast<std::size_t>(graph.edge(u, v));
        circuit[e] = 0;
        if (!heard) continue;
        const double gone =
            (run.metric_clean() - run.metrics(std::vector<EdgeSet>{circuit})[0]) / whole;
        if (gone - now < threshold) now = gone;
        else circuit[e] = 1;
      }
    }
    EXPECT_EQ(names_of(graph, acdc(run, {threshold, AcdcOptions::Measure::answer}).kept),
              names_of(graph, pruned(graph, circuit)));
  }
}

TEST(Circuits, OfEveryMethodAreTheThreeEdgesAndPassTheTest) {
  const Known model = known("soft", {.sharp_match = 5});
  const Task task = induction_task(model.specimen, 1, 5);
  for (const CircuitMethod method : {CircuitMethod::acdc, CircuitMethod::path_patching,
                                     CircuitMethod::eap, CircuitMethod::eap_ig}) {
    CircuitOptions options;
    options.method = method;
    const CircuitResult r = circuit_of(model.specimen, task, options);
    Names found;
    for (const CircuitEdge& e : r.edges) found.insert(str(e.from) + " -> " + str(e.to));
    EXPECT_EQ(found, kThree);
    EXPECT_NEAR(r.faithfulness, 1, 1e-3);
    EXPECT_NEAR(r.completeness, 1, 1e-3);
    EXPECT_LT(r.random_faithfulness, 0.2);
  }
}

// One softmax over 42 keys whose right one is b above the others: exact effect, derivative in the
// clean run, in the corrupt one, and as the mean over 30 steps.
TEST(Eap, SaysOfASaturatedSoftmaxWhatTheFormulasSay) {
  struct Row {
    double b, exact, clean, corrupt, mean;
  };
  for (const Row& row : {Row{2, .132, .265, .048, .128}, Row{5, .778, .869, .119, .766},
                         Row{20, 1.0, 2e-6, .476, 1.007}}) {
    const Known model = known("soft", {.sharp_match = row.b});
    const Task task = induction_task(model.specimen, 1, 5);
    GraphRun run(model.specimen, task);
    const int edge = run.graph().edge_named("0.0 -> 1.0.k");
    const EdgeScores scores = edge_attributions(model.specimen, run, {30});
    const std::size_t e = static_cast<std::size_t>(edge);
    PathOptions way;
    way.sender = "0.0", way.receiver = "1.0.k";
    const double g = 10;   // the answer is so many times what the softmax gives
    const double exact = paths_of(model.specimen, task, way).grid[0] *
                         (run.metric_clean() - run.metric_corrupt()) / g;
    EXPECT_NEAR(exact, row.exact, 6e-4) << "b = " << row.b;
    EXPECT_NEAR(scores.at_clean[e] / g, row.clean, 6e-4) << "b = " << row.b;
    EXPECT_NEAR(scores.at_corrupt[e] / g, row.corrupt, 6e-4) << "b = " << row.b;
    EXPECT_NEAR(scores.score[e] / g, row.mean, 6e-4) << "b = " << row.b;
    EXPECT_TRUE(scores.saturated[e]) << "b = " << row.b;
    EXPECT_FALSE(
        scores.saturated[static_cast<std::size_t>(run.graph().edge_named("1.0 -> logits"))])
        << "b = " << row.b;
  }
}

// All of them, by receiver: (B,T,C).
std::vector<Tensor> receiver_gradients(const Specimen& specimen, const GraphRun& run,
                                       const std::vector<double>& shares) {
  std::vector<Tensor> all(run.graph().receivers().size());
  each_receiver_gradient(
      specimen, run, shares, [&](int first, std::int64_t pair, const Tensor& gradient) {
        const std::int64_t B = gradient.dim(0), T = gradient.dim(1), C = gradient.dim(3);
        for (std::int64_t h = 0; h < gradient.dim(2); ++h) {
          const Tensor one = reshape(slice(gradient, 2, h, h + 1), {B, T, C});
          Tensor& mine = all[static_cast<std::size_t>(first + h)];
          EXPECT_EQ(mine ? mine.dim(0) : 0, pair);   // pairs come in order
          mine = mine ? concat({mine, one}, 0) : one;
        }
      });
  return all;
}

// GPT-2 has half a gigabyte of them, and nobody reads them.
TEST(Eap, AsksForTheGradientOfNoWeight) {
  for (const Known& model : random_models(not_post_norm)) {
    const Task task = induction_task(model.specimen, 1, 3);
    GraphRun run(model.specimen, task);
    edge_attributions(model.specimen, run, {2});
    for (const Parameter* p : model.gpt->parameters())
      EXPECT_FALSE(p->grad) << model.name << ", " << p->name;
  }
}

TEST(Eap, TheGradientOfTheAnswerIsItsFiniteDifference) {
  for (const Known& model : random_models(not_post_norm, DType::f64, reference())) {
    SCOPED_TRACE(model.name);
    const Task task = induction_task(model.specimen, 1, 3);
    GraphRun run(model.specimen, task);
    const std::vector<Tensor> gradients = receiver_gradients(model.specimen, run, {0});
    const Tensor corrupt = corrupt_ids(model.specimen, task);
    struct Input {
      const char* name;
      Receiver::Kind kind;
      int layer, head;
    };
    for (const Input& in : {Input{"hook_q_input", Receiver::Kind::q, 1, 2},
                            Input{"hook_k_input", Receiver::Kind::k, 0, 1},
                            Input{"hook_v_input", Receiver::Kind::v, 1, 0}}) {
      const Tensor& gradient =
          gradients[static_cast<std::size_t>(run.graph().receiver(in.kind, in.layer, in.head))];
      const std::int64_t T = gradient.dim(1), C = gradient.dim(2);
      const Tensor direction = gaussian(reference(), {1, T, 1, C}, 0, 1, {1, 2, 3, 4}, DType::f64);
      const auto answer = [&](double step) {
        Hooks hooks(*model.gpt);
        const auto move = hooks.replace({in_block(in.layer, in.name), in.head, -1, -1},
                                        [&](const Tensor& x) { return x + direction * step; });
        return answers(hooks.logits(corrupt, nullptr, Positions::last), task)[0];
      };
      const double h = 1e-5, difference = (answer(h) - answer(-h)) / (2 * h);
      const double derivative = sum(gradient * reshape(direction, {1, T, C})).item();
      EXPECT_NEAR(derivative, difference, 1e-5 * std::max(1.0, std::abs(difference))) << in.name;
    }
  }
}

TEST(Eap, SumsOfEdgesAreWhatNodesSay) {
  for (const Known& model :
       random_models([](const GPTConfig& c) { return not_post_norm(c) && !c.norm_embed; },
                     DType::f64, reference())) {
    SCOPED_TRACE(model.name);
    const GPTConfig& c = model.gpt->config();
    const Task task = induction_task(model.specimen, 1, 3);
    GraphRun run(model.specimen, task);
    const Graph& graph = run.graph();
    const EdgeScores scores = edge_attributions(model.specimen, run, {0});
    // Over all who write: what the receiver reads changes by the sum of them.
    const Tensor clean = clean_ids(model.specimen, task),
                 corrupt = corrupt_ids(model.specimen, task);
    const std::string stream = "blocks.1.hook_resid_pre";
    const Tensor change =
        look(*model.gpt, clean, {stream})[stream] - look(*model.gpt, corrupt, {stream})[stream];
    const int v = graph.receiver(Receiver::Kind::k, 1, 1);
    const Tensor gradient =
        receiver_gradients(model.specimen, run, {0})[static_cast<std::size_t>(v)];
    double incoming = 0;
    for (int u = 0; u < graph.earlier(v); ++u)
      incoming += scores.score[static_cast<std::size_t>(graph.edge(u, v))];
    EXPECT_NEAR(incoming, sum(change * gradient).item(), 1e-9);
    // Over all who hear: the derivative by what the sender writes.
    const std::string head = "blocks.0.attn.hook_result";
    Tensor at_head;
    Tape tape;
    Hooks hooks(*model.gpt);
    const auto place = hooks.read({head}, [](const Tensor&) {});
    const auto keep = hooks.gradient({head}, [&](const Tensor& dy) { at_head = dy; });
    tape.backward(sum(logit_difference(hooks.logits(corrupt, &tape, Positions::last), task)));
    const Tensor wrote =
        look(*model.gpt, clean, {head})[head] - look(*model.gpt, corrupt, {head})[head];
    const std::vector<double> senders = sender_attributions(graph, scores.score);
    for (std::int64_t h = 0; h < c.n_head; ++h) {
      const double direct = sum(slice(wrote, 2, h, h + 1) * slice(at_head, 2, h, h + 1)).item();
      EXPECT_NEAR(senders[static_cast<std::size_t>(graph.senders_before(0) + h)], direct, 1e-9);
    }
  }
}

// So many shares of two pairs that a tape can remember one pair of them only: the mean over equal
// shares is what one share says of both.
TEST(Eap, TakesPairsOneAfterTheOtherWhereATapeCannotHoldThemAll) {
  const Known model = known("soft", {.sharp_match = 5});
  const Task task = induction_task(model.specimen, 2, 5);
  GraphRun run(model.specimen, task);
  const std::int64_t rows = rows_on_a_tape(model.gpt->config(), task.T());
  const std::vector<double> many(static_cast<std::size_t>(rows), 0.5);
  const std::vector<Tensor> apart = receiver_gradients(model.specimen, run, many),
                            together = receiver_gradients(model.specimen, run, {0.5});
  double most = 0;
  for (std::size_t v = 0; v < together.size(); ++v) {
    ASSERT_EQ(apart[v].shape(), together[v].shape()) << v;
    const double largest = max(abs(reshape(together[v], {together[v].numel()})), 0).item();
    const Tensor differs = abs(apart[v] - together[v]);
    EXPECT_LE(max(reshape(differs, {differs.numel()}), 0).item(), 1e-4 * largest + 1e-9) << v;
    most = std::max(most, largest);
  }
  EXPECT_GT(most, 0);
}

TEST(Eap, IntegratedGradientsAddUpToTheWholeAnswer) {
  for (const Known& model : random_models(not_post_norm)) {
    SCOPED_TRACE(model.name);
    if (model.gpt->config().norm_embed) continue;   // its embedding is not what is written
    const Task task = induction_task(model.specimen, 1, 3);
    GraphRun run(model.specimen, task);
    const double whole = run.metric_clean() - run.metric_corrupt();
    const auto missing = [&](int steps) {
      const EdgeScores scores = edge_attributions(model.specimen, run, {steps});
      return std::abs(sender_attributions(run.graph(), scores.score)[0] - whole);
    };
    // Left ends of steps miss half a step at either end: an error that falls with their number.
    const double few = missing(8), many = missing(128);
    EXPECT_LT(many, 0.02 * std::abs(whole) + 0.15 * few);
  }
}

TEST(Circuit, OfNoConnectionsIsSaidToBeEmpty) {
  const Known model = known("induction", {});
  CircuitOptions options;
  options.threshold = 1000;
  const std::string words = page_text(
      page_of(circuit_of(model.specimen, induction_task(model.specimen, 1, 5), options)), {1000});
  EXPECT_NE(words.find("keeps none"), std::string::npos) << words;
  EXPECT_EQ(words.find("-0"), std::string::npos) << "no share is less than nothing: " << words;
}

}   // namespace
}   // namespace glass
