// How the program shows things to a person: progress, tables, sizes.
#ifndef OUNCE_TOOLS_TERMINAL_H_
#define OUNCE_TOOLS_TERMINAL_H_

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "core/progress.h"
#include "tools/command.h"

namespace ounce {

// Shows how far long work is, on stderr: a bar with rate and time left on a
// terminal, a plain line now and then otherwise, nothing with --quiet or when
// the work is done before anybody could wonder.
class ProgressBar {
 public:
  // `what` says what is being done, `unit` names what is counted: "windows", or
  // "bytes", which are shown as MB.
  // Plain lines come no closer together than `plain_pause`, nor before it.
  ProgressBar(std::string what, std::string unit, const CommonOptions& options,
              std::chrono::milliseconds plain_pause = std::chrono::seconds(2));
  // Ends the line.
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // Valid as long as this object.
  ProgressCallback callback();

 private:
  void Update(int64_t done, int64_t total);
  std::string Rate(int64_t done, double seconds) const;

  const std::string what_;
  const std::string unit_;
  const bool quiet_;
  const bool terminal_;
  const std::chrono::milliseconds plain_pause_;
  const std::chrono::steady_clock::time_point start_;
  std::chrono::steady_clock::time_point last_;
  int64_t tenths_ = 0;
  bool drawn_ = false;
};

// Rows of text in columns, the first left-aligned, the others right-aligned
// unless named in `left`.  The first row is the heading.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows,
                        const std::vector<size_t>& left = {});

// "1.23 GB", "4.5 MB", "678 bytes"; decimal units.
std::string FormatBytes(int64_t bytes);
// A number with `digits` significant digits, without an exponent if sensible.
std::string FormatNumber(double value, int digits);

// `text` on a line of a table: without white space around it, and without what
// a terminal obeys, control characters being spaces.
std::string Printable(absl::string_view text);

// A remark on stderr, unless --quiet.
void Remark(const CommonOptions& options, absl::string_view text);

// The most resident memory this process ever had (VmHWM, mapped pages
// included), 0 where the system does not tell.
int64_t PeakResidentBytes();

}  // namespace ounce

#endif  // OUNCE_TOOLS_TERMINAL_H_
