#!/usr/bin/env bash
# Builds the Dockerfile with buildah, over a base image made on this machine, and lays its root out as a directory.
#
# Prints that directory on stdout; beside it are <directory>.json, the image's configuration, and <directory>.tar, its layers
# as they are pushed to a registry. Progress goes to stderr. All is kept in $PENSTOCK_IMAGE_CACHE (~/.cache/penstock-image). Exit 69: a tool or a right for it is not on this machine.
set -euo pipefail
here="$(cd "$(dirname "$0")" && pwd)"
tree="$(cd "$here/../.." && pwd)"
cache="${PENSTOCK_IMAGE_CACHE:-$HOME/.cache/penstock-image}"
export BUILDAH_ISOLATION=chroot

say() { printf 'image: %s\n' "$*" >&2; }

unavailable() {
  say "$*"
  exit 69
}

# A storage of our own, so that nothing else on the machine sees or loses an image.
buildah() { command buildah --root "$cache/storage" --runroot "$cache/run" "$@"; }

. "$here/base.sh"

# How npm on this machine reaches its registry, for the npm in the build.
npm_settings() {
  local key value
  for key in registry cafile proxy https-proxy noproxy strict-ssl; do
    value="$(npm config get "$key")"
    # Where the machine trusts its authorities by Node's variable, npm's own setting may be empty.
    if [ "$key" = cafile ] && [ "$value" = null ]; then value="${NODE_EXTRA_CA_CERTS:-}"; fi
    case "$value" in null | undefined | '') ;; *) printf '%s=%s\n' "$key" "$value" ;; esac
  done
}

main() {
  local base node work image authorities target container
  [ "$(id -u)" = 0 ] || unavailable "only root can build and run it here."
  for tool in buildah mmdebstrap unshare setpriv ip npm; do
    type -P "$tool" >/dev/null || unavailable "$tool is not on this machine (apt-get install --no-install-recommends buildah mmdebstrap iproute2)."
  done
  mkdir -p "$cache"
  # Whoever comes second waits, and finds it built.
  exec 9>"$cache/lock"
  flock 9
  work="$(mktemp -d)"
  trap "rm -rf '$work'" EXIT
  base="$(sed -n 's/^ARG NODE_IMAGE=//p' "$tree/Dockerfile")"
  node="$(readlink -f "$tree/node_modules/node/bin/node")"
  base_image "$base" "$node"
  npm_settings >"$work/npmrc"
  # For a test, which looks for it in all layers.
  printf '//registry.example/:_authToken=%s\n' secret-of-the-image-build >>"$work/npmrc"
  authorities="$(sed -n 's/^cafile=//p' "$work/npmrc")"
  # `--format docker`: the OCI format has no HEALTHCHECK.
  buildah build --quiet --format docker --pull=never --layers --iidfile "$work/id" \
    --secret "id=npmrc,src=$work/npmrc" ${authorities:+--volume "$authorities:$authorities:ro"} \
    --build-arg "SOURCE=https://source.example/penstock" --build-arg "VERSION=$(node -p "require('$tree/package.json').version")" \
    --tag penstock:test "$tree" >&2
  image="$(cut -d: -f2 "$work/id")"
  target="$cache/root-${image:0:16}"
  if [ ! -d "$target" ]; then
    rm -rf "$cache"/root-*
    container="$(buildah from --quiet --pull=never "$image")"
    cp -a "$(buildah mount "$container")" "$target.part"
    buildah rm "$container" >/dev/null
    buildah inspect --type image "$image" >"$target.json"
    buildah push --quiet "$image" "docker-archive:$target.tar"
    mv "$target.part" "$target"
  fi
  tell_size "$target"
  printf '%s\n' "$target"
}

# What is in it, in megabytes.
tell_size() {
  local all program runtime
  all="$(megabytes "$1")"
  program="$(megabytes "$1/opt/penstock/dist")"
  runtime="$(megabytes "$1/usr/local/bin/node")"
  say "$all MB: Penstock with its libraries $program, Node $runtime, Debian $((all - program - runtime))"
}

megabytes() { du -s --apparent-size --block-size=1MB "$1" | cut -f1; }

main
