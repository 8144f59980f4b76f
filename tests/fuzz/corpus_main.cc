// Runs a fuzz target without libFuzzer: on every file of the folders given, and
// on mutations of each that are the same in every run.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

// Of each file.  More find more and take longer.
constexpr int kMutations = 300;

using Bytes = std::vector<uint8_t>;

std::vector<Bytes> ReadFolder(const char* folder) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Bytes> files;
  for (const std::filesystem::path& path : paths) {
    std::ifstream file(path, std::ios::binary);
    files.emplace_back(std::istreambuf_iterator<char>(file),
                       std::istreambuf_iterator<char>());
  }
  return files;
}

// One edit at a random place: sets, flips, inserts, removes or repeats bytes,
// or cuts the end off.
void Mutate(std::mt19937& random, Bytes& bytes) {
  constexpr uint8_t kValues[] = {0, 1, 0x7F, 0x80, 0xFF, '"', '{', '[', '9'};
  if (bytes.empty()) {
    bytes.push_back(static_cast<uint8_t>(random()));
    return;
  }
  const size_t at = random() % bytes.size();
  const auto place = bytes.begin() + static_cast<std::ptrdiff_t>(at);
  const size_t length = std::min<size_t>(1 + random() % 8, bytes.size() - at);
  const auto end = place + static_cast<std::ptrdiff_t>(length);
  switch (random() % 6) {
    case 0:
      *place = kValues[random() % std::size(kValues)];
      return;
    case 1:
      *place ^= static_cast<uint8_t>(1u << (random() % 8));
      return;
    case 2:
      bytes.insert(place, static_cast<uint8_t>(random()));
      return;
    case 3:
      bytes.erase(place, end);
      return;
    case 4: {
      const Bytes repeated(place, end);
      bytes.insert(place, repeated.begin(), repeated.end());
      return;
    }
    default:
      bytes.resize(at);
  }
}

void Run(const Bytes& bytes) {
  // A copy of the exact size, so that a sanitizer sees a read past the end.
  const Bytes exact(bytes.begin(), bytes.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

}  // namespace

int main(int argc, char** argv) {
  int num_files = 0;
  for (int i = 1; i < argc; ++i) {
    for (const Bytes& file : ReadFolder(argv[i])) {
      ++num_files;
      Run(file);
      std::mt19937 random(static_cast<uint32_t>(num_files));
      for (int round = 0; round < kMutations; ++round) {
        Bytes mutated = file;
        for (uint32_t edits = 1 + random() % 4; edits > 0; --edits) {
          Mutate(random, mutated);
        }
        Run(mutated);
      }
    }
  }
  std::printf("%d files, %d mutations of each\n", num_files, kMutations);
  // A corpus that is not there must not pass for one that found nothing.
  return num_files > 0 ? 0 : 1;
}
