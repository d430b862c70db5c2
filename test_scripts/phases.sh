#!/usr/bin/env bash
# Delays and disconnections on demand: the three scenarios of a slowed server, a
# late answer, and two of three servers that are cut off.
#
#   phases.sh [slow|late|cut]...
#
# Without arguments all three run. PHASE is the delay in seconds (default 3).
# Servers of their own are started on free ports and ended again.
set -euo pipefail
cd "$(dirname "$0")/.."
phase=${PHASE:-3}
work=$(mktemp -d)
export DATA=$work/data ZABKEEPER_FLAGS="--faults none"
table=$work/nodes
say() { printf '\n== %s\n' "$*"; }
failed() { echo "FAILED: $*" >&2; tail -n 5 "$DATA"/*.log >&2 || true; exit 1; }
cleanup() { ./test_scripts/kill.sh all KILL >/dev/null 2>&1 || true; rm -rf "$work"; }
trap cleanup EXIT
make --no-print-directory build >/dev/null

first=$((20000 + RANDOM % 20000))
for n in 1 2 3; do echo "$n 127.0.0.1 $((first + 3 * n)) $((first + 3 * n + 1)) $((first + 3 * n + 2))"; done >"$table"
address() { awk -v n="$1" '$1 == n { print "127.0.0.1:" $5 }' "$table"; }
all=$(address 1),$(address 2),$(address 3)
cli() { timeout 30 bin/zabkeeper cli "$@"; }
fault() { bin/zabkeeper fault "$(address "$1")" "$2" >/dev/null; }

# leader prints the number of the server that leads.
leader() {
  local n
  for ((i = 0; i < 300; i++)); do
    n=$(bin/zabkeeper status --nodes "$table" -o json 2>/dev/null | sed -n 's/.*"leader":{"number":\([0-9]*\).*/\1/p' | head -1) || true
    if [ -n "$n" ]; then echo "$n"; return; fi
    sleep 0.1
  done
  failed "nobody leads"
}
# has N PATH: the creation of the node is committed on server N, as its log says.
has() { bin/zabkeeper history --long "$DATA/$1" 2>/dev/null | grep -q "^create .*path=\"$2\""; }
# shows N PATH: server N shows the node to a new client.
shows() { cli "$(address "$1")" stat "$2" >/dev/null 2>&1; }
# open_client SERVERS opens a client with a session of its own, which reads what
# is written to descriptor 3, and waits until it is connected.
open_client() {
  rm -f "$work/in"
  mkfifo "$work/in"
  : >"$work/answers"
  bin/zabkeeper cli "$1" <"$work/in" >"$work/answers" 2>&1 &
  client=$!
  exec 3>"$work/in"
  echo "stat /" >&3
  within 10 grep -q numChildren "$work/answers" || failed "the client is not connected"
}
close_client() {
  exec 3>&-
  kill "$client" 2>/dev/null || true
  wait "$client" 2>/dev/null || true
}
answered() { grep -q "Created $1" "$work/answers"; }
# within SECONDS COMMAND...: it succeeds in time.
within() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do [ $SECONDS -lt $end ] || return 1; sleep 0.1; done
}

slow() {
  say "a slowed server's entry commits only when its phase time is over"
  local l other n
  l=$(leader)
  open_client "$(address "$l")"
  fault "$l" "propose:${phase}s"
  local begin=$SECONDS
  echo "create /slow-1 entry" >&3
  sleep $((phase - 1))
  for n in 1 2 3; do if has "$n" /slow-1; then failed "server $n has the entry before its proposal phase is over"; fi; done
  if answered /slow-1; then failed "the entry was answered before its proposal phase is over"; fi
  echo "after $((SECONDS - begin)) s of $phase: no server has committed the entry"
  within 10 answered /slow-1 || failed "the entry was not committed"
  echo "after $((SECONDS - begin)) s: committed and answered"
  fault "$l" none
  close_client

  say "or another leader takes over"
  l=$(leader)
  open_client "$all"
  fault "$l" "propose:60s"
  echo "create /slow-2 entry" >&3
  sleep 1
  if has "$l" /slow-2; then failed "the entry was committed in its proposal phase"; fi
  begin=$SECONDS
  ./test_scripts/kill.sh "$l" KILL
  other=$(leader)
  [ "$other" != "$l" ] || failed "the killed server leads"
  close_client # it was answered, or told that the outcome is unknown: then the entry is given to the new leader
  shows "$other" /slow-2 || cli "$(address "$other")" create /slow-2 entry >/dev/null || failed "the entry was not committed by the new leader"
  echo "server $other leads, and the entry is committed $((SECONDS - begin)) s after the slow leader's end"
  ./test_scripts/start_servers.sh "$table" "$DATA" "$l" >/dev/null 2>&1
  within 10 shows "$l" /slow-2 || failed "the restarted server lacks the entry"
}

late() {
  say "a quorum that has moved on ignores a late answer"
  local l slow
  l=$(leader)
  slow=$((l % 3 + 1))
  fault "$slow" "acknowledge:${phase}s"
  local begin=$SECONDS
  for i in 1 2 3; do cli "$(address "$l")" create "/late-$i" entry >/dev/null || failed "entry $i"; done
  echo "three entries committed in $((SECONDS - begin)) s, without server $slow, which answers $phase s late"
  sleep "$phase"
  [ "$(leader)" = "$l" ] || failed "the late answers changed the leader"
  fault "$slow" none
  within 10 shows "$slow" /late-3 || failed "the slow server lacks the entries"
  echo "server $slow has them all; server $l still leads"
}

cut() {
  say "two of three disconnected commit nothing"
  local l a
  l=$(leader)
  a=$((l % 3 + 1))
  fault "$l" drop
  fault "$a" drop
  local n writers=()
  for n in 1 2 3; do
    timeout $((phase + 1)) bin/zabkeeper cli "$(address "$n")" create "/cut-$n" entry >/dev/null 2>&1 &
    writers+=($!)
  done
  for n in 1 2 3; do if wait "${writers[$((n - 1))]}"; then failed "server $n committed an entry"; fi; done
  if bin/zabkeeper status --nodes "$table" >/dev/null 2>&1; then failed "somebody leads without a quorum"; fi
  echo "no server took an entry in $((phase + 1)) s"
  say "and resume when they are back"
  fault "$l" none
  fault "$a" none
  leader >/dev/null
  cli "$all" create /cut-after entry >/dev/null || failed "no entry is taken after the return"
  for n in 1 2 3; do within 10 shows "$n" /cut-after || failed "server $n lacks the entry"; done
  echo "server $(leader) leads, all three have the new entry"
}

./test_scripts/start_servers.sh "$table" "$DATA" 2>/dev/null
[ $# -gt 0 ] || set -- slow late cut
for scenario in "$@"; do
  case $scenario in
    slow | late | cut) "$scenario" ;;
    *) echo "$scenario: use slow, late or cut" >&2; exit 2 ;;
  esac
done
./test_scripts/kill.sh >/dev/null
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
echo
echo "phases: all right, the three histories are the same"
