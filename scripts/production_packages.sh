#!/usr/bin/env bash
# Debian packages that the production stack needs where there is no container engine
# (`make production`). As root on Debian or Ubuntu it installs what is missing, and starts no
# server: the stack brings up its own. Elsewhere it says what is missing and ends with 1.
#
#   postgresql, redis-server   stand in for the images of the same name
#   tini                       number 1 of each service that asks for an init
#   iproute2, util-linux       the stack's network; unshare, nsenter, setpriv
#   libseccomp2, libgomp1      what docker/Dockerfile installs in our own image
set -euo pipefail

packages=(postgresql redis-server redis-tools tini iproute2 util-linux libseccomp2 libgomp1)
missing=()
for package in "${packages[@]}"; do
    status="$(dpkg-query --show --showformat '${db:Status-Status}' "$package" 2>/dev/null || true)"
    [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "The production stack needs these packages: ${missing[*]}" >&2
    echo "As root on Debian: scripts/production_packages.sh" >&2
    exit 1
fi

echo "installing ${missing[*]}"
# No cluster and no server of the machine's own: they would take memory and ports.
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    install -d /etc/postgresql-common
    echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf
fi
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' > "$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
apt-get -qq update
apt-get -qq install --yes --no-install-recommends "${missing[@]}"
