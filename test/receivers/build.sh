#!/usr/bin/env bash
# Builds the real receivers that `npm run test:receivers` sends to: build.sh [collector|opensearch|victorialogs]…, without
# names all. Kept in $PENSTOCK_RECEIVERS_CACHE (~/.cache/penstock-receivers). Exit 69: a tool that builds or runs it is
# not on this machine.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
cache="${PENSTOCK_RECEIVERS_CACHE:-$HOME/.cache/penstock-receivers}"
[ $# -gt 0 ] || set -- opensearch collector victorialogs
exec bash "$here/../support/build-recipes.sh" receivers "$here/recipes" "$cache" "$@"
