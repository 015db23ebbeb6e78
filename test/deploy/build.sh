#!/usr/bin/env bash
# Builds what `npm run test:deploy` checks the manifests with: build.sh [kubernetes|helm|compose]…, without names all.
# Kept in $PENSTOCK_KUBE_CACHE (~/.cache/penstock-kubernetes). Exit 69: a tool that builds or runs it is not on this machine.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
cache="${PENSTOCK_KUBE_CACHE:-$HOME/.cache/penstock-kubernetes}"
[ $# -gt 0 ] || set -- kubernetes helm compose
exec bash "$here/../support/build-recipes.sh" kubernetes "$here/recipes" "$cache" "$@"
