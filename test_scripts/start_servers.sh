#!/usr/bin/env bash
# Starts the servers of a node table in the background, builds the binary if it
# is missing, waits for an established leader and for the started servers to
# serve, and prints who leads.
#
#   start_servers.sh NODE_TABLE DATA_DIR [NUMBER...]
#
# With numbers only those servers are started. Process ids are in DATA_DIR/N.pid,
# logs in DATA_DIR/N.log. Servers that run already are left alone. Flags for the
# servers can be given in ZABKEEPER_FLAGS.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
[ $# -ge 2 ] || { sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" >&2; exit 2; }
table=$1 data=$2
shift 2
[ -f "$table" ] || { echo "no node table $table" >&2; exit 2; }
binary=${ZABKEEPER:-$here/../bin/zabkeeper}
[ -x "$binary" ] || make -C "$here/.." --no-print-directory build >&2
"$binary" config check --nodes "$table" >&2
mkdir -p "$data"
data=$(cd "$data" && pwd)
table=$(cd "$(dirname "$table")" && pwd)/$(basename "$table")
echo "$table" >"$data/table"

# running N: server N runs out of this data directory.
running() {
  local pid
  pid=$(cat "$data/$1.pid" 2>/dev/null) || return 1
  { tr '\0' ' ' <"/proc/$pid/cmdline"; } 2>/dev/null | grep -qF -- "--data $data/$1 "
}

numbers=("$@")
if [ $# -eq 0 ]; then mapfile -t numbers < <(sed 's/#.*//' "$table" | awk 'NF { print $1 }'); fi
for n in "${numbers[@]}"; do
  if running "$n"; then echo "server $n runs already (process $(cat "$data/$n.pid"))"; continue; fi
  # shellcheck disable=SC2086
  setsid nohup "$binary" serve --id "$n" --nodes "$table" --data "$data/$n" ${ZABKEEPER_FLAGS:-} >>"$data/$n.log" 2>&1 </dev/null &
  echo $! >"$data/$n.pid"
  echo "server $n started (process $!, log $data/$n.log)"
done

# serving STATUS: every started server serves.
serving() {
  local n
  for n in "${numbers[@]}"; do
    grep -qE "^$n .*(leader|follower|observer|standalone)" <<<"$1" || return 1
  done
}

for ((i = 0; i < 300; i++)); do
  if status=$("$binary" status --nodes "$table" 2>/dev/null) && serving "$status"; then
    echo "$status"
    exit 0
  fi
  for n in "${numbers[@]}"; do
    if ! running "$n"; then
      echo "server $n has ended; the last lines of its log:" >&2
      tail -n 5 "$data/$n.log" >&2
      exit 1
    fi
  done
  sleep 0.1
done
echo "no leader after 30 s; see $data/*.log" >&2
exit 1
