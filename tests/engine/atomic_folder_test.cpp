// engine/base/atomic_folder.h: all of a folder or nothing, and never in the place of something.
#include "engine/base/atomic_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "engine/base/atomic_file.h"
#include "engine/base/error.h"
#include "tests/scratch.h"

namespace glass::test {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(AtomicFolder, IsThereWithAllItsFilesOncePublished) {
  const Scratch scratch;
  for (const char* name : {"new", "above/it/new", "slash/"}) {
    AtomicFolder folder(scratch / name);
    write_file(folder / "a", "one");
    write_file(folder / "b", "two");
    struct stat status {};
    EXPECT_NE(::stat((folder.path() + "/a").c_str(), &status), 0) << "not before";
    folder.publish();
    EXPECT_THAT(scratch.names(name), ElementsAre("a", "b"));
    EXPECT_EQ(bytes_of(scratch / name + "/b"), "two");
  }
  EXPECT_THAT(scratch.names(), ElementsAre("above", "new", "slash")) << "nothing else is left";
}

TEST(AtomicFolder, LeavesNothingBehindWhenItIsNotPublished) {
  const Scratch scratch;
  {
    AtomicFolder folder(scratch / "new");
    write_file(folder / "a", "one");
  }
  EXPECT_THAT(scratch.names(), IsEmpty());
}

TEST(AtomicFolder, TakesAnEmptyFolderAndNothingElse) {
  const Scratch scratch;
  ::mkdir((scratch / "empty").c_str(), 0755);
  AtomicFolder folder(scratch / "empty");
  write_file(folder / "a", "one");
  folder.publish();
  EXPECT_THAT(scratch.names("empty"), ElementsAre("a"));
  EXPECT_THROW(AtomicFolder(scratch / "empty"), UsageError) << "it is not empty any more";
  EXPECT_THROW(AtomicFolder(scratch / "empty/a"), UsageError) << "a file";
  EXPECT_THROW(AtomicFolder(scratch / "empty/a/b"), UsageError) << "below a file";
  EXPECT_THROW(AtomicFolder(""), UsageError);
}

TEST(AtomicFolder, DoesNotReplaceWhatSomebodyPutThereMeanwhile) {
  const Scratch scratch;
  {
    AtomicFolder folder(scratch / "new");
    write_file(folder / "a", "ours");
    scratch.write("new/a", "theirs");
    EXPECT_THROW(folder.publish(), UsageError);
  }
  EXPECT_EQ(bytes_of(scratch / "new/a"), "theirs");
  EXPECT_THAT(scratch.names(), ElementsAre("new"));
}

}   // namespace
}   // namespace glass::test
