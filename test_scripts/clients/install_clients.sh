#!/usr/bin/env bash
# Installs the ZooKeeper clients and the reference server that the compatibility
# tests use, from Debian's packages. Does nothing where they are there.
set -euo pipefail
if /usr/bin/python3 -c 'import kazoo, puresasl, kerberos' 2>/dev/null && [ -e /usr/share/zookeeper/bin/zkCli.sh ] &&
  command -v javac >/dev/null && command -v krb5kdc >/dev/null && command -v kinit >/dev/null; then exit 0; fi
if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
  echo "kazoo, zkCli.sh, javac or Kerberos are not installed, and installing needs apt-get and root" >&2
  exit 1
fi
apt-get update -qq
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
  default-jdk-headless python3-kazoo python3-pure-sasl python3-kerberos zookeeper krb5-kdc krb5-admin-server krb5-user >/dev/null
