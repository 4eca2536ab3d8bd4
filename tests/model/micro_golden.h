// What the peer in Python printed (tests/peers/microgpt.py), read back.
#pragma once
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace glass::testing {

struct MicroGolden {
  int docs = 0, vocab = 0, params = 0, operations = 0;
  std::vector<double> losses;
  std::map<int, double> gradients;   // of the first step, by the number of the weight
  std::vector<std::string> samples;
};

inline MicroGolden read_micro_golden(const std::string& path) {
  MicroGolden golden;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto after = [&](const char* mark) {
      return line.substr(line.find(mark) + std::char_traits<char>::length(mark));
    };
    if (line.starts_with("num docs: ")) golden.docs = std::stoi(after(": "));
    if (line.starts_with("vocab size: ")) golden.vocab = std::stoi(after(": "));
    if (line.starts_with("num params: ")) golden.params = std::stoi(after(": "));
    if (line.starts_with("operations: ")) golden.operations = std::stoi(after(": "));
    if (line.starts_with("gradient "))
      golden.gradients[std::stoi(line.substr(9))] = std::strtod(after(": ").c_str(), nullptr);
    if (line.starts_with("step "))
      golden.losses.push_back(std::strtod(after("loss ").c_str(), nullptr));
    if (line.starts_with("sample ")) golden.samples.push_back(after(": "));
  }
  return golden;
}

}   // namespace glass::testing
