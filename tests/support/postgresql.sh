#!/usr/bin/env bash
# Install the PostgreSQL server and PgBouncer that the tests start, from Debian's packages.
#
# Only the programs are wanted: the cluster that Debian's package makes is not started by the tests.
set -euo pipefail

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
need=()
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || need+=(postgresql)
PATH=$PATH:/usr/sbin command -v pgbouncer >/dev/null || need+=(pgbouncer)
[ ${#need[@]} -eq 0 ] && exit 0
as_root apt-get update -qq
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${need[@]}"
