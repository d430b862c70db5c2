#!/usr/bin/env bash
# Ends servers that start_servers.sh started, by their process id.
#
#   kill.sh [WHICH] [SIGNAL]
#
# WHICH is a server number, leader, or all (the default). SIGNAL is KILL (the
# default for one server), TERM (the default for all), STOP or CONT. The data
# directory is run/, or $DATA.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
which=${1:-all}
data=${DATA:-run}
[ -d "$data" ] || { echo "no servers were started in $data (set DATA)" >&2; exit 1; }
data=$(cd "$data" && pwd)
binary=${ZABKEEPER:-$here/../bin/zabkeeper}
if [ "$which" = all ]; then signal=${2:-TERM}; else signal=${2:-KILL}; fi
case $signal in KILL | TERM | STOP | CONT) ;; *) echo "signal $signal: use KILL, TERM, STOP or CONT" >&2; exit 2 ;; esac

# pid N prints the process of server N if it runs and is ours.
pid() {
  local p
  p=$(cat "$data/$1.pid" 2>/dev/null) || return 1
  { tr '\0' ' ' <"/proc/$p/cmdline"; } 2>/dev/null | grep -qF -- "--data $data/$1 " || return 1
  echo "$p"
}

# end N sends the signal, and waits for the end where it means one.
end() {
  local n=$1 p
  p=$(pid "$n") || { echo "server $n does not run"; return 1; }
  kill "-$signal" "$p"
  echo "server $n: $signal (process $p)"
  case $signal in
    KILL | TERM)
      for ((i = 0; i < 200; i++)); do
        if ! pid "$n" >/dev/null; then rm -f "$data/$n.pid"; return 0; fi
        sleep 0.05
      done
      echo "server $n has not ended after 10 s" >&2
      return 1
      ;;
  esac
}

case $which in
  all)
    for f in "$data"/*.pid; do
      [ -e "$f" ] || continue
      n=$(basename "$f" .pid)
      if pid "$n" >/dev/null; then end "$n"; else rm -f "$f"; fi
    done
    ;;
  leader)
    n=$("$binary" status --nodes "$(cat "$data/table")" -o json | sed -n 's/.*"leader":{"number":\([0-9]*\).*/\1/p' | head -1)
    [ -n "$n" ] || { echo "nobody leads" >&2; exit 1; }
    end "$n"
    ;;
  *[!0-9]*) echo "$which: use a server number, leader or all" >&2; exit 2 ;;
  *) end "$which" ;;
esac
