#!/usr/bin/env bash
# Install what builds and runs images without a daemon, from Debian's packages.
#
# mmdebstrap makes a base image where no registry answers; runc, since crun 1.8 refuses a machine whose
# /sys/fs/cgroup has version 1 and 2 ("cgroups in hybrid mode not supported").
set -euo pipefail

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
need=()
for each in podman runc mmdebstrap curl; do
  PATH=$PATH:/usr/sbin command -v "$each" >/dev/null || need+=("$each")
done
[ ${#need[@]} -eq 0 ] && exit 0
as_root apt-get update -qq
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}"
