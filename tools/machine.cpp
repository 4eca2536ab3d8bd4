// "auto" follows the numbers: f64 exists on the reference device only, everything else runs on the
// first device.
#include "tools/machine.h"

#include <algorithm>
#include <stdexcept>

#include "kernels/cpu/cpu_backend.h"
#include "kernels/cpu/team.h"
#include "tools/saved.h"

namespace glass {
namespace {

std::string first_upper(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z')
    text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

std::string best_isa() {
  const std::vector<CpuIsa> isas = cpu_isas();
  return std::find_if(isas.begin(), isas.end(), [](const CpuIsa& isa) { return isa.usable; })->name;
}

// Devices whose work a team of this process's threads does.
bool has_team(const std::string& device) { return device == "cpu" || device == "emulator"; }

}   // namespace

Machine open_machine(const Arguments& args) {
  Machine machine;
  const std::string& dtype = args.text("dtype");
  machine.dtype = dtype == "f64" ? DType::f64 : dtype == "bf16" ? DType::bf16 : DType::f32;
  if (args.said("dtype") == "float16")
    warn("--dtype float16: bf16 instead, which needs no scaling of the loss.");
  machine.device = args.text("device");
  if (machine.device == "auto") machine.device = machine.dtype == DType::f64 ? "reference" : "cpu";
  const std::string isa = args.text("isa");
  // An --isa that was only set in the environment speaks to the cpu device; a typed one is a wish
  // we must not drop.
  const bool typed = args.source("isa") == Source::command_line;
  const std::string asked = machine.device == "cpu" || typed ? isa : "auto";
  try {
    machine.backend =
        make_backend(machine.device, asked, static_cast<int>(args.integer("threads")));
  } catch (const std::invalid_argument& refusal) {
    fail(UsageError(first_upper(refusal.what()) + "."));
  } catch (const std::runtime_error& refusal) {   // a GPU that is there, but broken or taken
    fail(SystemError(machine.device + " cannot be opened: " + refusal.what() +
                     ". Hint: glass info tells what else this machine has."));
  }
  if (!machine.backend->supports(machine.dtype)) {
    fail(UsageError("--dtype " + args.text("dtype") + ": device " + machine.device +
                    " does not compute in it; use --device reference, or --dtype f32."));
  }
  machine.isa = machine.device != "cpu" ? "" : asked == "auto" ? best_isa() : asked;
  machine.threads =
      has_team(machine.device) ? make_team(static_cast<int>(args.integer("threads"))).threads : 1;
  return machine;
}

}   // namespace glass
