// Power cuts and failing calls, on a simulated disk: a run saves, and after every single call, in
// every state that the disk may then be in, the next start must find what was promised.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>

#include "engine/base/error.h"
#include "model/run_folder.h"
#include "tests/model/run_states.h"
#include "tests/model/sim_files.h"

namespace glass::test {
namespace {

constexpr std::size_t kKilobytes = 2;   // a tensor covers several sectors

// Which step a caller may rely on after so many calls: the last that save() returned for.
using Promises = std::map<std::size_t, std::int64_t>;
std::int64_t promised(const Promises& promises, std::size_t calls) {
  const auto after = promises.upper_bound(calls);
  return after == promises.begin() ? 0 : std::prev(after)->second;
}

struct Training {
  SimFiles disk;
  Promises steps, best;
  explicit Training(Cheat cheat) : disk(cheat) {}
};

// Two starts; old states are removed, and the second start saves a step again that was there
// already. Odd steps are the best so far.
bool is_best(std::int64_t step) { return step % 2 == 1; }

void train(Training& run) {
  const auto save = [&](RunFolder& folder, std::int64_t step) {
    folder.save(step, state_of(step, kKilobytes), {.best = is_best(step)});
    run.steps[run.disk.calls()] = step;
    if (is_best(step)) run.best[run.disk.calls()] = step;
  };
  {
    RunFolder folder("out/run", {.keep = 2, .files = &run.disk});
    for (std::int64_t step = 1; step <= 4; ++step) save(folder, step);
  }
  RunFolder folder("out/run", {.keep = 2, .files = &run.disk});
  for (std::int64_t step = 4; step <= 7; ++step) save(folder, step);
}

// "" if the disk holds what was promised, else what is missing. Both may be newer than promised,
// since names are given before save() returns; but where the newest state is the best one, the best
// checkpoint must hold it: the run that goes on from there will not save it again.
std::string broken_promise(FileOps& disk, std::int64_t step, std::int64_t best) {
  const std::string where = "out/run";
  std::optional<FoundCheckpoint> found;
  try {
    found = newest_checkpoint(where, {}, disk);
  } catch (const Error& error) { return step == 0 ? "" : error.what(); }
  if (!found) return step == 0 ? "" : "no checkpoint, expected step " + std::to_string(step);
  if (found->step < step)
    return "the newest is step " + std::to_string(found->step) + ", expected " +
           std::to_string(step);
  const std::string differs = difference(found->checkpoint, found->step, kKilobytes);
  if (!differs.empty()) return "step " + std::to_string(found->step) + ": " + differs;
  if (is_best(found->step)) best = std::max(best, found->step);
  if (best == 0) return "";
  try {
    const Descriptor folder(disk, disk.open_folder(where));
    const Checkpoint state = load_checkpoint(FileSource(disk, folder.get(), kBestName, kBestName));
    const std::int64_t kept = std::stoll(state.note("glass.step"));
    if (kept < best) return "the best is step " + std::to_string(kept);
    return difference(state, kept, kKilobytes);
  } catch (const Error& error) { return std::string("the best: ") + error.what(); }
}

// After what was found: the next start must be able to go on.
std::string broken_restart(SimFiles& disk) {
  try {
    RunFolder folder("out/run", {.keep = 2, .files = &disk});
    folder.save(9, state_of(9, kKilobytes), {.best = true});
  } catch (const Error& error) { return error.what(); }
  return broken_promise(disk, 9, 9);
}

struct Verdict {
  int states = 0, failures = 0;
  std::string first;
};

Verdict judge(const Training& run) {
  Verdict verdict;
  const auto look = [&](std::size_t calls, Loss loss, std::uint64_t seed) {
    const auto disk = run.disk.after_crash(calls, loss, seed);
    std::string broken =
        broken_promise(*disk, promised(run.steps, calls), promised(run.best, calls));
    if (broken.empty()) broken = broken_restart(*disk);
    ++verdict.states;
    if (broken.empty()) return;
    if (verdict.failures++ == 0)
      verdict.first = std::string(name_of(loss)) + ", seed " + std::to_string(seed) + ", after" +
                      run.disk.describe(calls) + "\n" + broken;
  };
  for (std::size_t calls = 0; calls <= run.disk.calls(); ++calls) {
    look(calls, Loss::nothing, 0);
    look(calls, Loss::everything, 0);
    for (std::uint64_t seed = 1; seed <= 2; ++seed) look(calls, Loss::torn, seed);
    for (std::uint64_t seed = 1; seed <= 4; ++seed) look(calls, Loss::some, seed);
  }
  return verdict;
}

TEST(CheckpointCrash, EveryStateOfTheDiskAfterAPowerCutHoldsWhatWasPromised) {
  Training run(Cheat::none);
  train(run);
  const Verdict verdict = judge(run);
  EXPECT_EQ(verdict.failures, 0) << verdict.first;
  EXPECT_GE(verdict.states, 500);
  RecordProperty("states", verdict.states);
  std::printf("%d states after a power cut, %d failures\n", verdict.states, verdict.failures);
}

// The control: a protocol that skips a step must be seen, or the test above proves nothing.
TEST(CheckpointCrash, ADiskWithoutOneOfTheStepsIsFoundOut) {
  for (const Cheat cheat : {Cheat::no_fsync, Cheat::no_folder_fsync, Cheat::rename_before_fsync}) {
    Training run(cheat);
    train(run);
    const Verdict verdict = judge(run);
    EXPECT_GT(verdict.failures, 0)
        << "cheat " << static_cast<int>(cheat) << " went unseen in " << verdict.states << " states";
    std::printf("cheat %d: %d of %d states break a promise\n", static_cast<int>(cheat),
                verdict.failures, verdict.states);
  }
}

// --- One call fails ------------------------------------------------------------------------------

int leftovers(FileOps& disk) {
  const Descriptor folder(disk, disk.open_folder("out/run"));
  std::vector<std::string> names;
  disk.list(folder.get(), names);
  int count = 0;
  for (const std::string& name : names) count += is_temporary_name(name);
  return count;
}

// A run of two states is there; a second trainer starts and saves a third, and its nth call fails.
// Returns false once there is no nth call.
bool one_fault(int nth, FaultyFiles::Fault fault, FaultyFiles::Lasting lasting, int& errors) {
  SimFiles disk;
  {
    RunFolder folder("out/run", {.keep = 2, .files = &disk});
    folder.save(1, state_of(1, kKilobytes), {.best = true});
    folder.save(2, state_of(2, kKilobytes), {.best = true});
  }
  FaultyFiles faulty(disk, nth, fault, lasting);
  std::int64_t promise = 2;
  {
    std::optional<RunFolder> folder;
    try {
      folder.emplace("out/run", RunFolderOptions{.keep = 2, .verify = true, .files = &faulty});
      folder->save(3, state_of(3, kKilobytes), {.best = true});
      promise = 3;
    } catch (const SystemError&) {
      ++errors;
      // The same trainer tries again later.
      if (folder && lasting == FaultyFiles::Lasting::once) {
        folder->save(4, state_of(4, kKilobytes), {.best = true});
        promise = 4;
      }
    }
  }
  const std::string where = std::string(name_of(fault)) + " at call " + std::to_string(nth) + " (" +
                            faulty.struck() + ")";
  EXPECT_EQ(broken_promise(disk, promise, promise), "") << where;
  const bool may_be_repeated = faulty.struck() == "open" || faulty.struck() == "lock" ||
                               faulty.struck() == "write" || faulty.struck() == "pwrite" ||
                               faulty.struck() == "pread" || faulty.struck() == "allocate";
  if (fault == FaultyFiles::Fault::interrupted && may_be_repeated) {
    EXPECT_EQ(promise, 3) << where << ": an interruption is no reason to give up";
  }
  const auto after = disk.after_crash(disk.calls(), Loss::everything, 0);
  EXPECT_EQ(broken_promise(*after, promise, promise), "") << where << ", then a power cut";
  EXPECT_EQ(disk.open_descriptors(), 0) << where;
  const bool could_not_remove =
      faulty.struck() == "unlink" || lasting == FaultyFiles::Lasting::for_good;
  if (!could_not_remove) { EXPECT_EQ(leftovers(disk), 0) << where; }
  EXPECT_EQ(broken_restart(disk), "") << where;
  EXPECT_EQ(leftovers(disk), 0) << where << ", after the next start";
  return !faulty.struck().empty();
}

TEST(CheckpointCrash, WhicheverCallFailsTheOldStatesStayAndSavingCanGoOn) {
  using Fault = FaultyFiles::Fault;
  int faults = 0, errors = 0;
  for (const Fault fault : {Fault::no_space, Fault::io_error, Fault::interrupted,
                            Fault::too_many_files, Fault::short_count})
    for (int nth = 1; one_fault(nth, fault, FaultyFiles::Lasting::once, errors); ++nth) ++faults;
  for (const Fault fault : {Fault::no_space, Fault::io_error})
    for (int nth = 1; one_fault(nth, fault, FaultyFiles::Lasting::for_good, errors); ++nth)
      ++faults;
  EXPECT_GT(faults, 150);
  EXPECT_GT(errors, faults / 3) << "most faults must be noticed by the caller";
  std::printf("%d faults, %d of them ended a saving with an error\n", faults, errors);
}

}   // namespace
}   // namespace glass::test
