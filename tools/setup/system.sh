#!/bin/sh
# Installs the Debian packages that tools/setup/packages-$1 names, when they are missing; says what is missing
# where it cannot. A package counts as present when dpkg says so.
set -eu
list="$(dirname "$0")/packages-$1"
missing=""
if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "This is not a Debian system. Install what these Debian packages hold, then 'mkdir -p .stamps && touch .stamps/system-$1':" >&2
    sed 's/^/  /' "$list" >&2
    exit 1
fi
while read -r package; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done < "$list"
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ]; then sudo=""; elif command -v sudo >/dev/null 2>&1; then sudo="sudo"; else
    echo "Not root and no sudo. Missing:$missing" >&2
    echo "As root: apt-get install --no-install-recommends$missing" >&2
    exit 1
fi
echo "installing:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
if ! $sudo apt-get install -qq --no-install-recommends $missing >/dev/null 2>&1; then
    $sudo apt-get update -qq
    $sudo apt-get install -qq --no-install-recommends $missing >/dev/null
fi
