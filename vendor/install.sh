#!/bin/sh
# install.sh LIST: install the Debian packages of LIST that are missing.
# Does nothing, and asks no network, when all are there.
set -eu
names=$(sed -e 's/#.*//' -e '/^ *$/d' "$1" | awk '{ print $1 }')
if ! command -v dpkg-query >/dev/null 2>&1; then
  echo "keel: no dpkg here; see 'Other systems' in README.md for what is needed" >&2
  exit 0
fi
missing=
for name in $names; do
  state=$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null || true)
  [ "$state" = installed ] || missing="$missing $name"
done
[ -n "$missing" ] || exit 0
echo "keel: installing$missing"
export DEBIAN_FRONTEND=noninteractive
if [ "$(id -u)" != 0 ]; then
  echo "keel: run as root, or install:$missing" >&2
  exit 1
fi
apt-get update -qq
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/dev/null
