#!/usr/bin/env bash
# Do the checks have teeth? Every patch in sim/mutants breaks one rule; the
# simulator, the random walk over the broadcast or the directed tests have to
# notice. The product's code is not touched: a patched copy is built with an
# overlay.
#
#   mutants.sh [SEEDS] [MUTANT...]   SEEDS: of each of the simulator's modes (default 120)
#
# The simulator comes first, then 40 walks a seed, then the tests of the cores
# and of storage. Exit status 1 when a patch does not apply or a mutant survives.
set -uo pipefail
cd "$(dirname "$0")/.."
seeds=${1:-120}
[ $# -eq 0 ] || shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ $# -gt 0 ]; then mutants=("$@"); else mapfile -t mutants < <(ls sim/mutants/*.patch | xargs -n1 basename | sed 's/\.patch$//' | sort -V); fi
bad=0
runs=()
line() { printf '| %s | %s | %s |\n' "$m" "$what" "$1"; }

# overlay makes a patched copy of the files of a patch and says so to go.
overlay() {
  local dir=$1 patch=$2 replace= file
  mkdir -p "$dir"
  for file in $(sed -n 's|^+++ b/||p' "$patch" | sort -u); do
    mkdir -p "$dir/$(dirname "$file")"
    cp "$file" "$dir/$file"
    replace+="${replace:+,}\"$PWD/$file\":\"$dir/$file\""
  done
  patch -s -p1 --no-backup-if-mismatch -d "$dir" <"$patch" || return 1
  echo "{\"Replace\":{$replace}}" >"$dir/overlay.json"
}

# tested runs tests with the mutant and prints why they fail; status 1 if they pass.
tested() {
  local name=$1
  shift
  if timeout 300 go test -overlay "$dir/overlay.json" -count=1 "$@" >"$dir/tests" 2>&1; then return 1; fi
  local why
  why=$(grep -ohE 'seed [0-9]+: .*|panic: [^[]*' "$dir/tests" | head -1 | cut -c1-90)
  line "$name: ${why:-$(grep -oE -- '--- FAIL: [A-Za-z/_]+' "$dir/tests" | head -1 | cut -c11-)}"
}

printf '| Mutant | Broken rule | Noticed by |\n|---|---|---|\n'
for m in "${mutants[@]}"; do
  patch=sim/mutants/$m.patch
  what=$(head -1 "$patch")
  dir=$work/$m
  if ! overlay "$dir" "$patch"; then
    line 'THE PATCH DOES NOT APPLY'
    bad=1
    continue
  fi
  if ! go build -overlay "$dir/overlay.json" -o "$dir/zabkeeper" . 2>"$dir/build"; then
    line "DOES NOT BUILD: $(sed -n 2p "$dir/build")"
    bad=1
    continue
  fi
  if ! timeout 600 "$dir/zabkeeper" simulate --from 1 --seeds "$seeds" >"$dir/out" 2>"$dir/err"; then
    n=$(sed -n 's/.*found after \([0-9]*\) seeds.*/\1/p' "$dir/err")
    runs+=("${n:-0}")
    line "simulator, ${n:-?} runs: $(grep -ohE 'mode [a-z]+ at .*' "$dir/err" | head -1 | sed 's/mode \([a-z]*\) at [0-9.]* s: /\1: /' | cut -c1-110)"
    continue
  fi
  tested walk ./zab -run RandomWalk -walks $((40 * seeds)) && continue
  tested "test of a rule" ./zab ./election ./node/replica -skip RandomWalk && continue
  tested "two runs of a seed" ./sim -run Determinism && continue
  tested "test of storage" ./storage/... ./node/disk && continue
  line "SURVIVES $seeds seeds in each mode, $((40 * seeds)) walks and the tests"
  bad=1
done
if [ ${#runs[@]} -gt 0 ]; then
  printf '\n%d of %d noticed by the simulator; the median took %s runs\n' "${#runs[@]}" "${#mutants[@]}" \
    "$(printf '%s\n' "${runs[@]}" | sort -n | sed -n "$(((${#runs[@]} + 1) / 2))p")"
fi
exit $bad
