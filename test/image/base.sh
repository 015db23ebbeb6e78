# Makes the image that the Dockerfile starts from, under its own name, out of Debian's packages and the Node binary of the
# `node` npm package: for machines that reach package registries and no image registry. Sourced by build.sh.

# What it is made of; a change makes a new one.
base_npm=11.19.1
base_suite=bookworm

# base_image NAME NODE: imports NAME into buildah's storage, unless it is there. NODE is the path of a Node binary.
base_image() {
  local name="$1" node="$2" hash tarball container
  hash="$(cat "$here/base.sh" "$node" | sha256sum | cut -c1-16)"
  [ "$(label_of "$name")" != "$hash" ] || return 0
  tarball="$cache/base-$hash.tar"
  [ -f "$tarball" ] || base_tarball "$tarball" "$node"
  say "importing it as $name"
  container="$(buildah from --quiet scratch)"
  buildah add --quiet "$container" "$tarball" / >/dev/null
  buildah config --cmd node --label "penstock.base=$hash" "$container"
  buildah commit --quiet --rm "$container" "$name" >/dev/null
}

label_of() {
  buildah inspect --type image --format '{{index .Docker.Config.Labels "penstock.base"}}' "$1" 2>/dev/null || true
}

# Debian's minimal system without its pages for people, as slim images have it; Node and npm under /usr/local.
base_tarball() {
  local tarball="$1" node="$2" npm="$cache/npm-$base_npm"
  say "making $tarball; this takes a minute, once"
  npm install --silent --no-audit --no-fund --global --prefix "$npm" "npm@$base_npm"
  mmdebstrap --quiet --variant=minbase \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --include=libstdc++6 \
    --customize-hook='mkdir -p "$1/usr/local/lib/node_modules"' \
    --customize-hook="cp -L '$node' \"\$1/usr/local/bin/node\"" \
    --customize-hook="cp -R '$npm/lib/node_modules/npm' \"\$1/usr/local/lib/node_modules/npm\"" \
    --customize-hook='ln -s ../lib/node_modules/npm/bin/npm-cli.js "$1/usr/local/bin/npm"' \
    "$base_suite" "$tarball.part" >&2
  mv "$tarball.part" "$tarball"
}
