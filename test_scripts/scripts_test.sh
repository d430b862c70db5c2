#!/usr/bin/env bash
# The scripts themselves: run3.sh executed and sourced, the input files against
# a real cluster, kill.sh of one, of the leader and of all.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
export DATA=$work/data
table=$work/nodes
failed() { echo "FAILED: $*" >&2; tail -n 5 "$DATA"/*.log >&2 || true; exit 1; }
cleanup() { ./test_scripts/kill.sh all KILL >/dev/null 2>&1 || true; rm -rf "$work"; }
trap cleanup EXIT

# Ports nobody uses.
first=$((20000 + RANDOM % 20000))
for n in 1 2 3; do echo "$n 127.0.0.1 $((first + 3 * n)) $((first + 3 * n + 1)) $((first + 3 * n + 2))"; done >"$table"
servers=$(awk '{ printf "%s127.0.0.1:%s", (NR > 1 ? "," : ""), $5 }' "$table")

make --no-print-directory build >/dev/null
./test_scripts/run3.sh "$table" "$DATA" >"$work/out" || failed "run3.sh"
grep -q "leads epoch" "$work/out" || failed "run3.sh does not say who leads"
ZK_TABLE=$table sh -c '. ./test_scripts/run3.sh' run3 "$table" "$DATA" >/dev/null 2>&1 || true # sourced by a plain sh: no arguments there
bash -c ". ./test_scripts/run3.sh '$table' '$DATA' && echo still here" >"$work/out" || failed "run3.sh sourced"
grep -q "runs already" "$work/out" && grep -q "still here" "$work/out" || failed "run3.sh sourced starts servers twice or ends the shell"

for input in test_scripts/inputs/*.txt; do
  name=$(basename "$input" .txt)
  [ -e "test_scripts/expected/$name.out" ] || continue
  printf 'deleteall scripts\n' | bin/zabkeeper cli "$servers" >/dev/null 2>&1 || true
  bin/zabkeeper cli "$servers" create /scripts >/dev/null
  status=0
  bin/zabkeeper cli "$servers/scripts" <"$input" >"$work/out" 2>"$work/err" || status=$?
  cmp -s "$work/out" "test_scripts/expected/$name.out" || { diff "$work/out" "test_scripts/expected/$name.out" || true; failed "$name: output"; }
  cmp -s "$work/err" "test_scripts/expected/$name.err" || { diff "$work/err" "test_scripts/expected/$name.err" || true; failed "$name: errors"; }
  [ "$status" = "$(cat "test_scripts/expected/$name.status")" ] || failed "$name: exit status $status"
done

bin/zabkeeper cli "$servers" create /kept "before" >/dev/null
./test_scripts/kill.sh leader >/dev/null || failed "kill.sh leader"
for ((i = 0; i < 300; i++)); do bin/zabkeeper status --nodes "$table" >/dev/null 2>&1 && break; sleep 0.1; done
[ "$(bin/zabkeeper cli "$servers" get /kept)" = before ] || failed "a write is gone after the leader was killed"
./test_scripts/run3.sh "$table" "$DATA" >/dev/null || failed "restart"
./test_scripts/kill.sh 2 STOP >/dev/null || failed "kill.sh 2 STOP"
./test_scripts/kill.sh 2 CONT >/dev/null || failed "kill.sh 2 CONT"
./test_scripts/kill.sh >/dev/null || failed "kill.sh"
if ls "$DATA"/*.pid >/dev/null 2>&1; then failed "kill.sh leaves pid files"; fi
# Ended one after the other, the last two may have begun another epoch: what all have is compared.
for n in 1 2 3; do bin/zabkeeper history "$DATA/$n" >"$work/history.$n" 2>/dev/null; done
shared=$(wc -l <"$work/history.1")
for n in 2 3; do
  lines=$(wc -l <"$work/history.$n")
  [ "$lines" -ge "$shared" ] || shared=$lines
done
[ "$shared" -gt 3 ] || failed "a server has no history"
different=$(for n in 1 2 3; do head -n "$shared" "$work/history.$n" | sha256sum; done | sort -u | wc -l)
[ "$different" = 1 ] || failed "the servers' histories differ"
echo "scripts: all right"
