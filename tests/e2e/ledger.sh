#!/usr/bin/env bash
# `netwatch live` against traffic that keeps a ledger, the short form: owners of both ends, payload
# of each process to the byte, what nobody owns. NETWATCH names the program; known_traffic is built
# beside it. The long form, 10,000 connections, is part of ./dev bench.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${NETWATCH:?names the program}"
if [[ $(id -u) != 0 ]] || ! unshare -n true 2>/dev/null; then
  echo "needs root and the right to make network namespaces"
  exit 77
fi
for tool in python3 setpriv ip nsenter; do
  command -v $tool >/dev/null || { echo "needs $tool" && exit 77; }
done
if ! "$NETWATCH" doctor --json | grep -q '"name":"payload of every socket","on":true'; then
  echo "no programs in the kernel that tell owners and payload (netwatch doctor says why)"
  exit 77
fi
python3 bench/ledger.py "$NETWATCH" "$(dirname "$NETWATCH")/known_traffic" \
  --connections 1000 --datagrams 500 --unowned 500
