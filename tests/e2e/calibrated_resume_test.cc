// Calibrated compression through the program, killed and resumed: the bundled
// checkpoint, its calibration text, few tokens.
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "core/json.h"
#include "core/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/util/program.h"
#include "tests/util/temp_folder.h"

namespace ounce {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

using Seconds = std::chrono::duration<double>;

const char kDemo[] = OUNCE_SOURCE_DIR "/examples/demo/";

class CalibratedResumeTest : public testing::Test {
 protected:
  // `ounce compress` of the bundled checkpoint to `name`, with `more`.
  std::vector<std::string> Compress(const std::string& name,
                                    const std::vector<std::string>& more = {}) {
    std::vector<std::string> args = {"compress",
                                     std::string(kDemo) + "model",
                                     "-o",
                                     temp_.Path(name),
                                     "--recipe",
                                     recipe_,
                                     "--calibration-tokens",
                                     tokens_};
    if (own_text_) {
      args.insert(args.end(), {"--calibration-context", "64"});
    } else {
      args.insert(args.end(),
                  {"--calibrate", std::string(kDemo) + "calibration.txt"});
    }
    args.insert(args.end(), more.begin(), more.end());
    return args;
  }
  // A run that was never interrupted; sets what it gave and took.
  void RunWhole() {
    const auto start = std::chrono::steady_clock::now();
    const ProgramResult run = RunOunce(Compress("whole.oz"));
    ASSERT_EQ(run.exit_code, 0) << run.err;
    seconds_ = Seconds(std::chrono::steady_clock::now() - start).count();
    whole_ = temp_.Read("whole.oz");
    EXPECT_THAT(temp_.Names(), ElementsAre("whole.oz"));
  }
  // Starts `name` and kills it after a share of the whole run's time; true if
  // it was still at work.
  bool KillAfter(const std::string& name, double share,
                 const std::vector<std::string>& more = {}) {
    Program program(Compress(name, more));
    std::this_thread::sleep_for(Seconds(share * seconds_));
    program.Kill();
    return program.Wait().exit_code == -SIGKILL;
  }
  // Starts `name` and kills it as soon as it has a journal.
  void KillOnceResumable(const std::string& name) {
    Program program(Compress(name));
    for (int i = 0; i < 60'000 && !temp_.Has(name + ".journal"); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    program.Kill();
    ASSERT_EQ(program.Wait().exit_code, -SIGKILL);
    ASSERT_TRUE(temp_.Has(name + ".journal"));
    ASSERT_TRUE(temp_.Has(name + ".partial"));
    ASSERT_FALSE(temp_.Has(name));
  }
  void ExpectRefused(const std::vector<std::string>& args,
                     const std::string& words, const std::string& more) {
    const ProgramResult run = RunOunce(args);
    EXPECT_EQ(run.exit_code, 1);
    EXPECT_THAT(run.err, AllOf(HasSubstr(words), HasSubstr(more)));
  }

  TempFolder temp_;
  std::string recipe_ = "int4-best";
  std::string tokens_ = "512";
  bool own_text_ = false;
  std::string whole_;
  double seconds_ = 0.0;
};

TEST_F(CalibratedResumeTest, KilledAtAnyMomentItGivesTheSameFile) {
  RunWhole();
  Random random(2026);
  int killed = 0;
  for (int i = 0; i < 10; ++i) {
    const double share = (i + random.NextDouble()) / 10.0;
    SCOPED_TRACE(share);
    killed += KillAfter("killed.oz", share);
    const ProgramResult resumed = RunOunce(Compress("killed.oz", {"--resume"}));
    ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
    EXPECT_TRUE(temp_.Read("killed.oz") == whole_);
    EXPECT_THAT(temp_.Names(), ElementsAre("killed.oz", "whole.oz"));
    std::filesystem::remove(temp_.Path("killed.oz"));
  }
  EXPECT_GE(killed, 8) << "hardly any run was at work when it was killed";
}

// Killed again and again, each time a bit further on.
TEST_F(CalibratedResumeTest, ResumedRunsCanBeKilledToo) {
  recipe_ = "int4-gptq";
  RunWhole();
  KillOnceResumable("killed.oz");
  for (const double share : {0.3, 0.45, 0.6}) {
    KillAfter("killed.oz", share, {"--resume"});
  }
  const ProgramResult resumed =
      RunOunce(Compress("killed.oz", {"--resume", "--json"}));
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_TRUE(temp_.Read("killed.oz") == whole_);
}

// The text that the model wrote is in the journal.
TEST_F(CalibratedResumeTest, OwnTextIsResumedToTheSameFile) {
  recipe_ = "int4-gptq";
  own_text_ = true;
  tokens_ = "512";
  RunWhole();
  KillOnceResumable("killed.oz");
  const ProgramResult resumed = RunOunce(Compress("killed.oz", {"--resume"}));
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_TRUE(temp_.Read("killed.oz") == whole_);
  EXPECT_THAT(temp_.Names(), ElementsAre("killed.oz", "whole.oz"));
}

TEST_F(CalibratedResumeTest, WithoutAJournalItStartsAnew) {
  recipe_ = "int4-gptq";
  RunWhole();
  const ProgramResult run = RunOunce(Compress("new.oz", {"--resume"}));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("nothing to resume"));
  EXPECT_TRUE(temp_.Read("new.oz") == whole_);
  // As after a kill between the renaming of the file and the end.
  const ProgramResult again = RunOunce(Compress("new.oz", {"--resume"}));
  EXPECT_EQ(again.exit_code, 0) << again.err;
}

// Only the artifact: renamed, and then killed before the journal was removed.
TEST_F(CalibratedResumeTest, AJournalWithoutAPartialFileStartsAnew) {
  recipe_ = "int4-gptq";
  RunWhole();
  KillOnceResumable("a.oz");
  std::filesystem::remove(temp_.Path("a.oz.partial"));
  const ProgramResult run = RunOunce(Compress("a.oz", {"--resume"}));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("nothing to resume"));
  EXPECT_TRUE(temp_.Read("a.oz") == whole_);
  EXPECT_THAT(temp_.Names(), ElementsAre("a.oz", "whole.oz"));
}

TEST_F(CalibratedResumeTest, WhatIsNotTheSameRunIsRefusedByName) {
  recipe_ = "int4-gptq";
  KillOnceResumable("a.oz");
  const std::string partial = temp_.Read("a.oz.partial");
  const std::string journal = temp_.Read("a.oz.journal");
  recipe_ = "int4-awq";
  ExpectRefused(Compress("a.oz", {"--resume"}), "a.oz.journal",
                "another checkpoint, recipe, calibration text");
  recipe_ = "int4-gptq";
  ExpectRefused(Compress("a.oz", {"--resume", "--calibration-seed", "5"}),
                "a.oz.journal", "another");
  ExpectRefused(Compress("a.oz", {"--resume", "--calibration-context", "128"}),
                "a.oz.journal", "another");
  std::vector<std::string> other_text = Compress("a.oz", {"--resume"});
  *std::find(other_text.begin(), other_text.end(),
             std::string(kDemo) + "calibration.txt") =
      std::string(kDemo) + "evaluation.txt";
  ExpectRefused(other_text, "a.oz.journal", "another");
  EXPECT_TRUE(temp_.Read("a.oz.partial") == partial);
  EXPECT_TRUE(temp_.Read("a.oz.journal") == journal);
}

TEST_F(CalibratedResumeTest, DamageIsRefusedByName) {
  recipe_ = "int4-gptq";
  KillOnceResumable("a.oz");
  const std::string partial = temp_.Read("a.oz.partial");
  const std::string journal = temp_.Read("a.oz.journal");
  // Within the embedding, the first tensor.
  std::string damaged = partial;
  damaged[5000] = static_cast<char>(damaged[5000] ^ 16);
  temp_.Write("a.oz.partial", damaged);
  ExpectRefused(Compress("a.oz", {"--resume"}), "a.oz.partial",
                "is not what was written; start anew");
  temp_.Write("a.oz.partial", partial.substr(0, 5000));
  ExpectRefused(Compress("a.oz", {"--resume"}), "a.oz.partial",
                "it was damaged, start anew");
  temp_.Write("a.oz.partial", partial);
  for (const std::string& text : {journal.substr(0, journal.size() / 2),
                                  std::string("{}"), std::string()}) {
    temp_.Write("a.oz.journal", text);
    ExpectRefused(Compress("a.oz", {"--resume"}), "a.oz.journal", "is damaged");
  }
  // JSON still, of another number.
  const size_t digit = journal.find("\"offset\":") + 9;
  damaged = journal;
  damaged[digit] = damaged[digit] == '9' ? '8' : '9';
  temp_.Write("a.oz.journal", damaged);
  ExpectRefused(Compress("a.oz", {"--resume"}), "a.oz.journal", "is damaged");
  EXPECT_FALSE(temp_.Has("a.oz"));
}

TEST_F(CalibratedResumeTest, ASecondRunAtOnceIsRefused) {
  recipe_ = "int4-gptq";
  RunWhole();
  Program first(Compress("a.oz"));
  for (int i = 0; i < 60'000 && !temp_.Has("a.oz.journal"); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  for (const std::vector<std::string>& more :
       {std::vector<std::string>{}, std::vector<std::string>{"--resume"}}) {
    ExpectRefused(Compress("a.oz", more), "another process is writing",
                  "a.oz.partial");
  }
  const ProgramResult result = first.Wait();
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_TRUE(temp_.Read("a.oz") == whole_);
}

TEST_F(CalibratedResumeTest, AFreshRunReplacesWhatAnotherLeft) {
  recipe_ = "int4-gptq";
  RunWhole();
  recipe_ = "int4-awq";
  KillOnceResumable("a.oz");
  recipe_ = "int4-gptq";
  const ProgramResult run = RunOunce(Compress("a.oz"));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_TRUE(temp_.Read("a.oz") == whole_);
  EXPECT_THAT(temp_.Names(), ElementsAre("a.oz", "whole.oz"));
}

}  // namespace
}  // namespace ounce
