#!/usr/bin/env bash
# Runs a program as a container of a Pod would: in-pod.sh ROOT UID GROUP BIND… -- PROGRAM ARG…, within a mount namespace
# of its own (unshare --mount). Each BIND is FROM:TO:ro or FROM:TO:rw. Nothing else can be written, the root file system
# and /tmp neither; the program has no capabilities, cannot gain any, and is this very process, so that a signal meets it.
set -euo pipefail
root="$1" uid="$2" group="$3"
shift 3

bind() {
  if [ -d "$1" ]; then mkdir -p "$root$2"; else mkdir -p "$(dirname "$root$2")" && touch "$root$2"; fi
  mount --bind "$1" "$root$2"
  if [ "$3" = ro ]; then mount -o remount,bind,ro "$root$2"; fi
}

mount -t tmpfs -o mode=755 pod "$root"
for path in /bin /lib /lib64 /usr; do
  if [ -L "$path" ]; then cp -P "$path" "$root$path"; elif [ -e "$path" ]; then bind "$path" "$path" ro; fi
done
mkdir "$root/proc" "$root/dev" "$root/tmp"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
while [ "$1" != -- ]; do
  IFS=: read -r from to mode <<<"$1"
  bind "$from" "$to" "$mode"
  shift
done
shift
mount -o remount,ro "$root"
exec chroot "$root" setpriv --reuid "$uid" --regid "$group" --groups "$group" --no-new-privs --bounding-set -all -- "$@"
