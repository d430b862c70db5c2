#!/usr/bin/env bash
# Installs what the scenarios of tier 2 need from Debian's packages: nftables,
# strace, e2fsprogs, iproute2, util-linux. Does nothing where they are there.
set -euo pipefail
missing=()
for pair in nft:nftables strace:strace mkfs.ext4:e2fsprogs ip:iproute2 nsenter:util-linux mount:mount; do
  command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
done
[ ${#missing[@]} -gt 0 ] || exit 0
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "${missing[*]}: not installed, and installing needs apt-get and root" >&2
  exit 1
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
