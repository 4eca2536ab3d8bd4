// The few connections that give the answer: found by one of four methods, and then put to the test.
// A circuit is worth its name when it alone gives the answer (faithfulness), when without it
// nothing of the answer is left (completeness), and when as many edges drawn by chance do neither.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "interp/circuit/acdc.h"
#include "interp/circuit/eap.h"
#include "interp/page/page.h"

namespace glass {

enum class CircuitMethod : std::uint8_t {
  acdc,            // cut one edge after the other: exact, a run for each
  path_patching,   // what each edge alone brings back: exact, but each by itself
  eap,             // first order, from one run
  eap_ig           // first order, as the mean over runs from the corrupt text to the clean one
};

struct CircuitOptions {
  CircuitMethod method = CircuitMethod::acdc;
  // acdc: an edge goes where the measure rises by less. The others: it stays where it makes at
  // least this share of the answer.
  double threshold = 0.02;
  AcdcOptions::Measure measure = AcdcOptions::Measure::kl;
  int steps = 30;     // of eap_ig
  int random = 100;   // circuits of the same size to compare with
  std::uint64_t seed = 1337;
};

struct CircuitEdge {
  Sender from;
  Receiver to;
  double score = 0;   // share of the answer; of acdc the rise of the measure
  bool saturated = false;
};

struct CircuitPoint {
  double threshold = 0;
  std::int64_t edges = 0;
  double faithfulness = 0;
};

struct CircuitResult {
  Provenance from;
  CircuitOptions options;
  std::string task;
  Question question;
  std::int64_t all_edges = 0, saturated = 0;
  std::vector<CircuitEdge> edges;                    // strongest first
  double faithfulness = 0;                           // of the answer that the circuit alone gives
  double completeness = 0;                           // of the answer that is gone without it
  double random_faithfulness = 0, random_best = 0;   // of circuits of the same size
  std::vector<CircuitPoint> pareto;                  // what fewer or more edges would give
};

CircuitResult circuit_of(const Specimen& specimen, const Task& task,
                         const CircuitOptions& options = {}, const Progressed& progressed = {});

Page page_of(const CircuitResult& result);
void put(Json& json, const CircuitResult& result);

}   // namespace glass
