#!/usr/bin/env bash
# Starts three servers in the background and prints who leads.
#
#   ./test_scripts/run3.sh [NODE_TABLE [DATA_DIR]]
#   . ./test_scripts/run3.sh            (sourced; does not change the shell)
#
# The default table is test_scripts/nodes3.txt, the default directory run/.
if [ -n "${BASH_SOURCE:-}" ]; then here=$(dirname "$BASH_SOURCE"); else here=./test_scripts; fi
bash "$here/start_servers.sh" "${1:-$here/nodes3.txt}" "${2:-run}"
