#!/usr/bin/env bash
# Becomes a command in an image's root, as a container runtime would start it: PID 1, the image's user, no capabilities, no
# way to gain any, a read-only root, a /dev of harmless devices. For `unshare --mount --pid --fork [--net]`, as root.
#
# enter.sh ROOT UID:GID DIRECTORY VARIABLE=VALUE… -- MOUNT… -- COMMAND…, a MOUNT being HOST:PATH (writable) or HOST:PATH:ro
set -euo pipefail
root="$1" user="$2" directory="$3"
shift 3
variables=()
while [ "$1" != -- ]; do variables+=("$1"); shift; done
shift

# A layer of its own over the image, which mount points may be made in.
mount -t tmpfs -o mode=0755 tmpfs /mnt
mkdir /mnt/layer /mnt/work /mnt/root
mount -t overlay -o "lowerdir=$root,upperdir=/mnt/layer,workdir=/mnt/work" overlay /mnt/root
root=/mnt/root
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=0755 tmpfs "$root/dev"
mknod -m 0666 "$root/dev/null" c 1 3
mknod -m 0666 "$root/dev/zero" c 1 5
mknod -m 0666 "$root/dev/urandom" c 1 9
mount -o remount,ro "$root/dev"
while [ "$1" != -- ]; do
  IFS=: read -r host path mode <<<"$1"
  [ -d "$host" ] || touch "$root$path"
  mount --bind "$host" "$root$path"
  [ -z "$mode" ] || mount -o "remount,bind,$mode" "$root$path"
  shift
done
shift
mount -o remount,ro "$root"
ip link set lo up

exec env -i "${variables[@]}" setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,+sys_chroot,+setuid,+setgid,+dac_read_search \
  unshare --root="$root" --wd="$directory" --setgid="${user#*:}" --setuid="${user%:*}" "$@"
