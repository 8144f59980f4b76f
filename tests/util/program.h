// Runs the built `ounce` program the way a user does.
#ifndef OUNCE_TESTS_UTIL_PROGRAM_H_
#define OUNCE_TESTS_UTIL_PROGRAM_H_

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/util/temp_folder.h"

namespace ounce {

struct ProgramResult {
  int exit_code = -1;  // -signal when it was killed.
  std::string out;
  std::string err;
};

inline std::string ReadWholeFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

inline void WriteWholeFile(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// A started `ounce ARGS...`; its output goes to files in a folder of its own.
class Program {
 public:
  explicit Program(const std::vector<std::string>& args,
                   const std::string& input = "") {
    WriteWholeFile(folder_.Path("in"), input);
    std::vector<char*> argv = {const_cast<char*>(OUNCE_PROGRAM)};
    for (const std::string& arg : args) {
      argv.push_back(const_cast<char*>(arg.c_str()));
    }
    argv.push_back(nullptr);
    pid_ = fork();
    if (pid_ == 0) {
      Redirect(folder_.Path("in"), O_RDONLY, STDIN_FILENO);
      Redirect(folder_.Path("out"), O_WRONLY | O_CREAT, STDOUT_FILENO);
      Redirect(folder_.Path("err"), O_WRONLY | O_CREAT, STDERR_FILENO);
      execv(argv[0], argv.data());
      _exit(127);
    }
  }

  void Kill() { kill(pid_, SIGKILL); }

  ProgramResult Wait() {
    int status = 0;
    waitpid(pid_, &status, 0);
    ProgramResult result;
    result.exit_code =
        WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    result.out = ReadWholeFile(folder_.Path("out"));
    result.err = ReadWholeFile(folder_.Path("err"));
    return result;
  }

 private:
  static void Redirect(const std::string& path, int flags, int target) {
    const int fd = open(path.c_str(), flags, 0600);
    dup2(fd, target);
    close(fd);
  }

  TempFolder folder_;
  pid_t pid_ = -1;
};

inline ProgramResult RunOunce(const std::vector<std::string>& args,
                              const std::string& input = "") {
  return Program(args, input).Wait();
}

}  // namespace ounce

#endif  // OUNCE_TESTS_UTIL_PROGRAM_H_
