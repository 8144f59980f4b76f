#!/usr/bin/env bash
# Runs `ounce bench` and llama.cpp's llama-bench in turn on the same shape and
# prints the ratio of their medians, prompt and generation.
#
#   bench/against_llama_cpp.sh --peer COMMAND --gguf FILE --model FILE.oz
#       [--threads 2] [--prompt 512] [--tokens 128] [--rounds 5]
#       [--ounce build/ounce] [--peer-options "-fa 1"]
#
# COMMAND runs llama-bench, such as "/usr/bin/llama-bench" or "chroot DIR
# llama-bench"; FILE is the GGUF as that command sees it.  Keys and values are
# f16 on both sides.  Each round is one run of either, so that a machine whose
# speed drifts slows both alike.  Needs jq.
set -euo pipefail

peer= gguf= model= threads=2 prompt=512 tokens=128 rounds=5 peer_options=
ounce=$(dirname "$0")/../build/ounce
fail() { printf 'against_llama_cpp: %s\n' "$*" >&2; exit 2; }
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || fail "$1 needs a value"
  case "$1" in
    --peer) peer=$2 ;;
    --gguf) gguf=$2 ;;
    --model) model=$2 ;;
    --threads) threads=$2 ;;
    --prompt) prompt=$2 ;;
    --tokens) tokens=$2 ;;
    --rounds) rounds=$2 ;;
    --ounce) ounce=$2 ;;
    --peer-options) peer_options=$2 ;;
    *) fail "unknown option $1" ;;
  esac
  shift 2
done
[ -n "$peer" ] && [ -n "$gguf" ] && [ -n "$model" ] ||
  fail "give --peer, --gguf and --model"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for ((round = 1; round <= rounds; ++round)); do
  printf 'round %d of %d\n' "$round" "$rounds" >&2
  # Word splitting is meant: the peer may be a command with arguments.
  # shellcheck disable=SC2086
  $peer -m "$gguf" -t "$threads" -p "$prompt" -n "$tokens" -r 1 -o json \
    $peer_options 2>/dev/null |
    jq -c '.[] | {(if .n_gen == 0 then "prompt" else "generation" end): .avg_ts}' \
      >>"$work/peer"
  "$ounce" bench "$model" --threads "$threads" -p "$prompt" -n "$tokens" -r 1 \
    --kv f16 --json |
    jq -c '.results[] |
           {(if .test == "prompt" then "prompt" else "generation" end):
              .tokens_per_s.median}' >>"$work/ounce"
done
jq -n -r --slurpfile peer "$work/peer" --slurpfile ounce "$work/ounce" '
  def median: sort | if length % 2 == 1 then .[length / 2 | floor]
              else (.[length / 2 - 1] + .[length / 2]) / 2 end;
  def values(runs; test): [runs[] | .[test] | select(. != null)];
  ["test", "ounce", "llama.cpp", "ratio"],
  (["prompt", "generation"][] as $test |
   values($ounce; $test) as $a | values($peer; $test) as $b |
   select(($a | length) > 0 and ($b | length) > 0) |
   [$test, ($a | median * 10 | round / 10), ($b | median * 10 | round / 10),
    (($a | median) / ($b | median) * 100 | round / 100)]) | @tsv' |
  column -t -s "$(printf '\t')"
