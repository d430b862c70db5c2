#!/usr/bin/env bash
# Starts five servers in the background and prints who leads.
#
#   ./test_scripts/run5.sh [NODE_TABLE [DATA_DIR]]
#   . ./test_scripts/run5.sh            (sourced; does not change the shell)
#
# The default table is test_scripts/nodes5.txt, the default directory run/.
if [ -n "${BASH_SOURCE:-}" ]; then here=$(dirname "$BASH_SOURCE"); else here=./test_scripts; fi
bash "$here/start_servers.sh" "${1:-$here/nodes5.txt}" "${2:-run}"
