#!/usr/bin/env bash
# Installs the servers that make bench-compare measures beside zabkeeper, and
# strace for slow disks, from Debian's packages. Does nothing where they are
# there. No service is started: the comparison runs servers of its own.
set -euo pipefail
wanted=()
[ -e /usr/share/java/zookeeper.jar ] && [ -e /usr/share/java/slf4j-simple.jar ] && command -v java >/dev/null ||
  wanted+=(zookeeper libslf4j-java default-jre-headless)
command -v etcd >/dev/null || wanted+=(etcd-server)
command -v strace >/dev/null || wanted+=(strace)
[ ${#wanted[@]} -gt 0 ] || exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "not installed: ${wanted[*]}; installing needs apt-get and root" >&2
  exit 1
fi
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
  trap 'rm -f "$policy"' EXIT
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null
