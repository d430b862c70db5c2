#!/usr/bin/env bash
# Does the simulator have teeth? Every patch in sim/mutants breaks one rule; the
# simulator has to notice. The product's code is not touched: a patched copy is
# built with an overlay.
#
#   mutants.sh [SEEDS] [MUTANT...]      SEEDS: how many seeds each may take (default 500)
#
# The random walk over the broadcast (40 walks a seed) and the topologies of the
# election come first: they are quicker where they see the rule at all.
#
# Exit status 1 when a patch does not apply or a mutant survives.
set -uo pipefail
cd "$(dirname "$0")/.."
seeds=${1:-500}
[ $# -eq 0 ] || shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ $# -gt 0 ]; then mutants=("$@"); else mapfile -t mutants < <(ls sim/mutants/*.patch | xargs -n1 basename | sed 's/\.patch$//' | sort -V); fi
bad=0
printf '%-6s %-62s %s\n' mutant 'broken rule' result
for m in "${mutants[@]}"; do
  patch=sim/mutants/$m.patch
  what=$(head -1 "$patch")
  dir=$work/$m
  mkdir -p "$dir"
  overlay=
  while read -r file; do
    mkdir -p "$dir/$(dirname "$file")"
    cp "$file" "$dir/$file"
    overlay+="${overlay:+,}\"$PWD/$file\":\"$dir/$file\""
  done < <(sed -n 's|^+++ b/||p' "$patch")
  if ! patch -s -p1 -d "$dir" <"$patch"; then
    printf '%-6s %-62s %s\n' "$m" "$what" 'PATCH DOES NOT APPLY'
    bad=1
    continue
  fi
  echo "{\"Replace\":{$overlay}}" >"$dir/overlay.json"
  if ! go test -overlay "$dir/overlay.json" -count=1 ./election >"$dir/tests" 2>&1 ||
    ! go test -overlay "$dir/overlay.json" -count=1 ./zab -walks $((40 * seeds)) >"$dir/tests" 2>&1; then
    why=$(grep -ohE 'seed [0-9]+: .*|panic: [^[]*' "$dir/tests" | head -1 | cut -c1-90)
    printf '%-6s %-62s %s\n' "$m" "$what" "killed: ${why:-$(grep -oE -- '--- FAIL: [A-Za-z]+' "$dir/tests" | head -1)}"
    continue
  fi
  if ! go build -overlay "$dir/overlay.json" -o "$dir/zabkeeper" . 2>"$dir/build"; then
    printf '%-6s %-62s %s\n' "$m" "$what" "DOES NOT BUILD: $(head -2 "$dir/build" | tail -1)"
    bad=1
    continue
  fi
  "$dir/zabkeeper" simulate --from 1 --seeds "$seeds" >"$dir/out" 2>"$dir/err"
  status=$?
  why=$(grep -ohE 'seed [0-9]+ at .*|panic: .*' "$dir/err" | head -1 | cut -c1-90)
  if [ $status = 0 ]; then
    printf '%-6s %-62s %s\n' "$m" "$what" "SURVIVES $seeds seeds and $((40 * seeds)) walks"
    bad=1
  else
    printf '%-6s %-62s %s\n' "$m" "$what" "killed: $why"
  fi
done
exit $bad
