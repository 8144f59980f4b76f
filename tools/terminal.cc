#include "tools/terminal.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace ounce {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kBarWidth = 30;
constexpr std::chrono::milliseconds kRedraw(100);

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::string FormatDuration(double seconds) {
  if (seconds < 60) return absl::StrFormat("%.0f s", seconds);
  return absl::StrFormat("%.0f min %02d s", std::floor(seconds / 60),
                         static_cast<int>(seconds) % 60);
}

// Columns a text takes on a terminal: its UTF-8 characters.
size_t DisplayWidth(absl::string_view text) {
  return static_cast<size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

}  // namespace

ProgressBar::ProgressBar(std::string what, std::string unit,
                         const CommonOptions& options,
                         std::chrono::milliseconds plain_pause)
    : what_(std::move(what)),
      unit_(std::move(unit)),
      quiet_(options.quiet),
      terminal_(isatty(STDERR_FILENO) != 0),
      plain_pause_(plain_pause),
      start_(Clock::now()),
      last_(start_) {}

ProgressBar::~ProgressBar() {
  if (drawn_) std::fputc('\n', stderr);
}

ProgressCallback ProgressBar::callback() {
  if (quiet_) return nullptr;
  return [this](int64_t done, int64_t total) { Update(done, total); };
}

std::string ProgressBar::Rate(int64_t done, double seconds) const {
  const double rate = static_cast<double>(done) / std::max(seconds, 1e-3);
  if (unit_ == "bytes") return absl::StrFormat("%.0f MB/s", rate / 1e6);
  return absl::StrFormat("%.1f %s/s", rate, unit_);
}

void ProgressBar::Update(int64_t done, int64_t total) {
  if (total <= 0) return;
  const double seconds = SecondsSince(start_);
  const double share = static_cast<double>(done) / static_cast<double>(total);
  const double left = share > 0 ? seconds * (1 - share) / share : 0;
  if (!terminal_) {
    const auto tenths = static_cast<int64_t>(share * 10);
    if (tenths == tenths_ || Clock::now() - last_ < plain_pause_) return;
    tenths_ = tenths;
    last_ = Clock::now();
    absl::FPrintF(stderr, "%s: %d %%, %s\n", what_, tenths * 10,
                  Rate(done, seconds));
    return;
  }
  if ((done < total || !drawn_) && Clock::now() - last_ < kRedraw) return;
  last_ = Clock::now();
  drawn_ = true;
  const auto filled = static_cast<size_t>(share * double{kBarWidth});
  const std::string bar = absl::StrCat(std::string(filled, '#'),
                                       std::string(kBarWidth - filled, '.'));
  const std::string time = done < total
                               ? absl::StrCat(FormatDuration(left), " left")
                               : absl::StrCat("in ", FormatDuration(seconds));
  absl::FPrintF(stderr, "\r%s [%s] %3.0f %%  %s  %s\x1b[K", what_, bar,
                share * 100, Rate(done, seconds), time);
}

std::string FormatTable(const std::vector<std::vector<std::string>>& rows,
                        const std::vector<size_t>& left) {
  std::vector<size_t> widths;
  for (const std::vector<std::string>& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t c = 0; c < row.size(); ++c) {
      widths[c] = std::max(widths[c], DisplayWidth(row[c]));
    }
  }
  std::string table;
  for (const std::vector<std::string>& row : rows) {
    std::string line;
    for (size_t c = 0; c < row.size(); ++c) {
      const std::string padding(widths[c] - DisplayWidth(row[c]), ' ');
      const bool to_left =
          c == 0 || std::find(left.begin(), left.end(), c) != left.end();
      absl::StrAppend(&line, c == 0 ? "" : "  ", to_left ? "" : padding, row[c],
                      to_left ? padding : "");
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&table, line, "\n");
  }
  return table;
}

std::string Printable(absl::string_view text) {
  std::string printable(absl::StripAsciiWhitespace(text));
  for (char& c : printable) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  return printable;
}

std::string FormatBytes(int64_t bytes) {
  const auto value = static_cast<double>(bytes);
  // The limits are where the smaller unit would round up to 1000.
  if (bytes >= 999950000) return absl::StrFormat("%.2f GB", value / 1e9);
  if (bytes >= 999500) return absl::StrFormat("%.1f MB", value / 1e6);
  if (bytes >= 10000) return absl::StrFormat("%.0f kB", value / 1e3);
  return absl::StrCat(bytes, " bytes");
}

std::string FormatNumber(double value, int digits) {
  if (!std::isfinite(value)) return value > 0 ? "inf" : absl::StrCat(value);
  if (value == 0) return "0";
  // Of the value as rounded: 9.9996 has exponent 1 in four digits.
  const std::string rounded = absl::StrFormat("%.*e", digits - 1, value);
  const int exponent = std::stoi(rounded.substr(rounded.find('e') + 1));
  if (exponent < -8 || exponent > 14) return rounded;
  return absl::StrFormat("%.*f", std::max(0, digits - 1 - exponent), value);
}

void Remark(const CommonOptions& options, absl::string_view text) {
  if (!options.quiet) absl::FPrintF(stderr, "%s\n", text);
}

int64_t PeakResidentBytes() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.rfind("VmHWM:", 0) == 0) return std::stoll(line.substr(6)) * 1024;
  }
  return 0;
}

}  // namespace ounce
