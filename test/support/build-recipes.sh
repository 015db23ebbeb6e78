#!/usr/bin/env bash
# Builds programs that tests run beside Penstock: build-recipes.sh WHAT RECIPES CACHE NAME…, for the folders RECIPES/NAME.
#
# Each is built once into CACHE, in a folder named after the hash of its recipe; a recipe that changes builds anew. What
# is downloaded is pinned by checksums in the recipe. Prints the folder of each on stdout, progress on stderr. Exit 69: a
# tool that builds or runs it is not on this machine.
set -euo pipefail
what="$1" recipes="$2" cache="$3"
shift 3
export PATH="$PATH:/usr/local/go/bin"

say() { printf '%s: %s\n' "$what" "$*" >&2; }

need() {
  command -v "$1" >/dev/null && return
  say "$2 needs $1, which is not on this machine."
  exit 69
}

build() {
  local name="$1" recipe="$recipes/$1" hash target work
  [ -d "$recipe" ] || { say "there is no recipe $name"; exit 2; }
  for tool in $(cat "$recipe/needs"); do need "$tool" "$name"; done
  hash="$(cd "$recipe" && find . -type f | LC_ALL=C sort | xargs sha256sum | sha256sum | cut -c1-16)"
  target="$cache/$name-$hash"
  mkdir -p "$cache"
  # Whoever comes second waits, and finds it built.
  exec 9>"$cache/$name.lock"
  flock 9
  if [ ! -d "$target" ]; then
    say "building $name; this takes minutes, once"
    work="$(mktemp -d "$cache/$name-building-XXXXXX")"
    trap 'rm -rf "$work"' EXIT
    mkdir "$work/out"
    cp -R "$recipe/." "$work/source"
    (cd "$work/source" && nice -n 15 bash ./build.sh "$work/out") >&2
    mv "$work/out" "$target"
    rm -rf "$work"
    trap - EXIT
    say "built $name in ${SECONDS}s"
  fi
  exec 9>&-
  printf '%s\n' "$target"
}

for name in "$@"; do build "$name"; done
