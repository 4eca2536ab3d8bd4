// Which machines this program can compute on, and how to get one by name.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "kernels/backend.h"

namespace glass {

struct DeviceInfo {
  std::string name;          // what --device takes: cpu, reference, emulator, cuda, metal
  std::string description;   // one line for people
  std::vector<std::string> isas;   // instruction sets that are built in and run here, best first
};

// Every device that works here, the one that "auto" picks first. This starts the drivers of GPUs,
// which may take a second.
std::vector<DeviceInfo> list_devices();

struct MissingDevice {
  std::string name, why;
};
// Every device that does not work here, and why, each in one sentence.
std::vector<MissingDevice> missing_devices();
// The sentence about one of them; "" where it works.
std::string why_not(const std::string& device);

// Every number in f32 or f64, on one thread, by the obvious loops.
std::unique_ptr<Backend> make_reference_backend();

// device: auto or the name of one. isa: auto or one of the device's. threads: 0 for one per physical core.
// A name that is unknown or cannot work here throws std::invalid_argument with one sentence that says what can.
std::unique_ptr<Backend> make_backend(const std::string& device, const std::string& isa,
                                      int threads);

}  // namespace glass
