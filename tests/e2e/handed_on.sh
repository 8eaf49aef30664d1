#!/usr/bin/env bash
# Owners without programs in the kernel: sockets that are handed on by fork and execve between two
# looks are named rightly or not at all, on a busy host, too; connections that stay keep their names.
. "$(dirname "$0")/lib.sh"
need_namespaces
need python3 setpriv ip unshare
python3 bench/handed_on.py "$NETWATCH" --rounds 120 --load 2
