#!/usr/bin/env bash
# Runs the kernel benchmarks and compares them with a stored run.
#
#   bench/compare_baseline.sh [--save] [FILTER]
#
# The baseline is bench/baselines/<CPU>.json, <CPU> being this machine's model
# name and instruction set; --save writes it.  FILTER is a regular expression on
# benchmark names.  Prints old and new time and their ratio (above 1: slower
# now).  Needs jq and the programs of `tools/dev test`.
set -euo pipefail
cd "$(dirname "$0")/.."

save=0
[ "${1:-}" = --save ] && { save=1; shift; }
filter=${1:-.}
cpu=$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)
flags=avx2
grep -q avx512_vnni /proc/cpuinfo && flags=avx512-vnni
baseline=bench/baselines/$(tr -cs 'A-Za-z0-9\n' - <<<"$cpu" | sed 's/-*$//')-$flags.json
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for program in build/bench/*_bench; do
  "$program" --benchmark_filter="$filter" --benchmark_repetitions=5 \
    --benchmark_report_aggregates_only=true --benchmark_format=json \
    2>/dev/null >"$work/$(basename "$program").json"
done
# One entry per benchmark: the median of its repetitions, in microseconds.
jq -s '[.[].benchmarks[]? | select(.aggregate_name == "median") |
        {key: .run_name,
         value: (.real_time * {ns: 0.001, us: 1, ms: 1000}[.time_unit])}] |
       from_entries' "$work"/*.json >"$work/now"
if [ "$save" = 1 ]; then
  cp "$work/now" "$baseline"
  echo "wrote $baseline"
  exit
fi
[ -f "$baseline" ] || { echo "no $baseline; write it with --save" >&2; exit 1; }
jq -n -r --slurpfile now "$work/now" --slurpfile old "$baseline" '
  ["benchmark", "before us", "now us", "now/before"],
  ($now[0] | to_entries[] | . as $row | $old[0][$row.key] as $before |
   select($before != null) |
   [$row.key, ($before | . * 10 | round / 10),
    ($row.value | . * 10 | round / 10),
    ($row.value / $before * 100 | round / 100)]) | @tsv' |
  column -t -s "$(printf '\t')"
