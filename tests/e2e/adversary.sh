#!/usr/bin/env bash
# Captures that attack the reader stay in its memory. NETWATCH names the program.
. "$(dirname "$0")/lib.sh"
python3 tools/adversary.py memory "$NETWATCH" --packets 40000
