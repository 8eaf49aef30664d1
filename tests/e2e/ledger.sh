#!/usr/bin/env bash
# `netwatch live` against traffic that keeps a ledger, the short form: owners of both ends, payload
# of each process to the byte, what nobody owns. NETWATCH names the program; known_traffic is built
# beside it. The long form, 10,000 connections, is part of ./dev bench.
. "$(dirname "$0")/lib.sh"
need_namespaces
need python3 setpriv ip nsenter
"$NETWATCH" doctor --json | grep -q '"name":"payload of every socket","on":true' ||
  skip "no programs in the kernel that tell owners and payload (netwatch doctor says why)"
python3 bench/ledger.py "$NETWATCH" "$(dirname "$NETWATCH")/known_traffic" \
  --connections 1000 --datagrams 500 --unowned 500
