#!/usr/bin/env bash
# Captures that attack the reader stay in its memory. NETWATCH names the program.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${NETWATCH:?names the program}"
exec python3 tools/adversary.py memory "$NETWATCH" --packets 40000
