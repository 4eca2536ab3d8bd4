// Everything that can go wrong, in five kinds. Each kind has the exit code the command line promises, and a message
// that is one sentence: what, where, and what to do about it.
#pragma once
#include <stdexcept>
#include <string>

namespace glass {

enum class ExitCode : int { ok = 0, internal = 1, usage = 2, content = 3, system = 4, nonfinite = 5, interrupted = 130 };

struct Error : std::runtime_error {
  ExitCode code;
  Error(ExitCode error_code, const std::string& message) : std::runtime_error(message), code(error_code) {}
};

// A program that uses the engine wrongly: shapes that do not fit, a tape used twice, ...
struct ShapeError : Error { explicit ShapeError(const std::string& message) : Error(ExitCode::internal, message) {} };
struct TapeError : Error { explicit TapeError(const std::string& message) : Error(ExitCode::internal, message) {} };
// A wrong flag or value, a device or instruction set that is not there.
struct UsageError : Error { explicit UsageError(const std::string& message) : Error(ExitCode::usage, message) {} };
// A file that was read but does not hold what it should.
struct ContentError : Error { explicit ContentError(const std::string& message) : Error(ExitCode::content, message) {} };
// The system said no: not found, unreadable, full.
struct SystemError : Error { explicit SystemError(const std::string& message) : Error(ExitCode::system, message) {} };
// A loss or gradient that is not a finite number.
struct NonFiniteError : Error { explicit NonFiniteError(const std::string& message) : Error(ExitCode::nonfinite, message) {} };

// The one place that throws, so that a build without exceptions has one line to change.
template <class Kind> [[noreturn]] void fail(const Kind& error) { throw error; }

}  // namespace glass
