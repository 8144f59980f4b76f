#!/usr/bin/env bash
# Compresses the bundled checkpoint to int8 and int4, proves what that cost, and
# lets the int4 model tell a story.  Run it through `tools/dev demo`.
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly ounce=build/ounce demo=examples/demo out=build/demo
readonly prompt='Once there was a child named'
mkdir -p "$out"

say() { printf '\n== %s\n' "$*"; }

# True when RECIPE's proof was made by this program for this very artifact.
proof_is_current() {
  local proof=$out/$1.oz.proof.json
  [ "$proof" -nt "$ounce" ] && [ -f "$out/$1.verify.txt" ] &&
    [ "$(jq -r .artifact.id "$proof")" = \
      "$("$ounce" inspect "$out/$1.oz" --json | jq -r .artifact.id)" ]
}

# Prompt and generation tokens/s of MODEL: medians of five runs.
speed() {
  "$ounce" bench "$1" -p 256 -n 128 --json --quiet |
    jq -r '[.results[].tokens_per_s.median | round] | @tsv'
}

# One row of the table: the figures of MODEL, which PROOF holds for SIDE ("float"
# or "compressed").
row() { # NAME MODEL PROOF SIDE
  local name=$1 model=$2 proof=$3 side=$4
  jq -r --arg name "$name" --arg side "$side" --arg speed "$(speed "$model")" \
    --argjson shape "$("$ounce" inspect "$model" --json)" '
      def r(d): . * d | round / d;
      (if $side == "float" then .ppl_float else .ppl end) as $ppl |
      (.tasks[] | select(.name == "all")) as $all |
      [ $name,
        ($shape.bytes / 1e6 | r(10)),
        ($shape.bits_per_weight | r(1000)),
        "\($ppl.value | r(1e4)) [\($ppl.low | r(1e4)), \($ppl.high | r(1e4))]",
        (if $side == "float" then "-" else .kl.value | r(1e7) end),
        (if $side == "float" then "-" else .same_top1.value * 100 | r(100) end),
        ((if $side == "float" then $all.accuracy_float else $all.accuracy end)
         * 100 | r(100))
      ] + ($speed / "\t") | @tsv' "$proof"
}

say "the float checkpoint: $demo/model, 4.2M parameters, bfloat16"
for recipe in int8 int4; do
  say "compressing to $recipe: $out/$recipe.oz"
  "$ounce" compress "$demo/model" -o "$out/$recipe.oz" --recipe "$recipe"
done
for recipe in int8 int4; do
  say "proving what $recipe cost, against the float model, on text neither has seen"
  if proof_is_current "$recipe"; then
    echo "(same artifact, same program: the proof in $out/ still holds)"
  else
    "$ounce" verify "$out/$recipe.oz" --against "$demo/model" \
      --text "$demo/evaluation.txt" --tasks "$demo/tasks.jsonl" \
      >"$out/$recipe.verify.txt"
  fi
  cat "$out/$recipe.verify.txt"
done

say "measuring speed, then the whole comparison"
{
  printf 'model\tMB\tbits/weight\tperplexity [95 %%]\tmean KL\tsame top-1 %%\ttasks %%\tprompt tok/s\tgenerate tok/s\n'
  row float "$demo/model" "$out/int8.oz.proof.json" float
  row int8 "$out/int8.oz" "$out/int8.oz.proof.json" compressed
  row int4 "$out/int4.oz" "$out/int4.oz.proof.json" compressed
} | awk -F'\t' '
  { for (i = 1; i <= NF; i++) { cell[NR, i] = $i; if (length($i) > w[i]) w[i] = length($i) } }
  END { for (r = 1; r <= NR; r++) { line = ""; for (i = 1; i <= NF; i++) line = line sprintf("%-*s  ", w[i], cell[r, i]); sub(/ +$/, "", line); print line } }'

say "the int4 model tells a story"
printf '%s' "$prompt"
"$ounce" run "$out/int4.oz" -p "$prompt" -n 120 --temperature 0.7 --seed 3

say "done: the models and their proofs are in $out/"
ls -l "$out"/*.oz "$out"/*.proof.json | awk '{print "  " $5 " bytes  " $9}'
