#!/usr/bin/env bash
# The tour: three servers, an input file, a killed leader, and nothing lost.
set -euo pipefail
cd "$(dirname "$0")/.."
DATA=${DATA:-run}
export DATA
servers=127.0.0.1:2181,127.0.0.1:2182,127.0.0.1:2183
say() { printf '\n== %s\n' "$*"; }

say "three servers"
./test_scripts/run3.sh test_scripts/nodes3.txt "$DATA"

say "an input file through the client"
printf 'deleteall notes\n' | bin/zabkeeper cli $servers >/dev/null 2>&1 || true
cat test_scripts/tour.txt
echo "-- answers:"
bin/zabkeeper cli $servers <test_scripts/tour.txt 2>&1 || echo "-- exit status $?: the last three commands were mistakes, and the script went on"

say "the leader is killed (kill -9)"
./test_scripts/kill.sh leader
for ((i = 0; i < 300; i++)); do
  if status=$(bin/zabkeeper status --nodes test_scripts/nodes3.txt 2>/dev/null); then echo "$status"; break; fi
  sleep 0.1
done

say "the file is still there, and takes another line"
printf 'append notes written after the leader died\nread notes\n' | bin/zabkeeper cli --strict $servers

say "the killed server comes back"
./test_scripts/run3.sh test_scripts/nodes3.txt "$DATA" | tail -n 5

say "the cluster is left running"
echo "reach it:  bin/zabkeeper cli $servers        (or any ZooKeeper client)"
echo "stop it:   ./test_scripts/kill.sh            (its data stays in $DATA/)"
