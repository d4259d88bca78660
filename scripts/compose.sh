#!/bin/sh
# Puts a Docker Compose that is new enough to judge the compose files into DIR: sh scripts/compose.sh DIR
# It only reads files for the tests: neither Docker's engine nor its client is needed, and nothing is installed into
# the system. Taken from this machine if it has one, else out of Debian 13's package, from the mirror that this Debian
# is set up for. Quick when it is there already.
set -eu
mkdir -p "$1"
dir=$(cd "$1" && pwd)
complain() {
    echo "compose: $1" >&2
    exit 1
}
new_enough() {
    "$@" version --short 2>/dev/null | awk -F '[v.-]' '{ n = $1 == "" ? 2 : 1; exit !($n > 2 || ($n == 2 && $(n + 1) >= 26)) }
        END { if (!NR) exit 1 }'
}
exec 9>"$dir/lock"
flock 9
if [ -x "$dir/docker-compose" ] && new_enough "$dir/docker-compose"; then
    exit 0
fi
rm -rf "$dir/docker-compose" "$dir/apt" "$dir/package"
for candidate in "docker compose" docker-compose; do
    # shellcheck disable=SC2086
    if new_enough $candidate; then
        printf '#!/bin/sh\nexec %s "$@"\n' "$candidate" >"$dir/docker-compose"
        chmod +x "$dir/docker-compose"
        exit 0
    fi
done
for program in apt-get dpkg-deb; do
    command -v $program >/dev/null || complain "no Compose 2.26 or newer here, and no Debian to take one from; \
install Docker's compose plugin, or the package docker-compose-v2"
done
mirror=$(cat /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list 2>/dev/null | awk '
    /^URIs:/ { print $2; exit }
    $1 == "deb" { for (i = 2; i <= NF; i++) if ($i ~ /^[a-z]+:\//) { print $i; exit } }')
[ -n "$mirror" ] || complain "can't tell this machine's Debian mirror; install Docker's compose plugin"
echo "compose: fetching Debian 13's docker-compose, which takes some seconds"
mkdir -p "$dir/apt/lists/partial" "$dir/apt/archives/partial" "$dir/apt/parts" "$dir/package"
: >"$dir/apt/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$dir/apt/sources.list"
cat >"$dir/apt/apt.conf" <<END
Dir::State "$dir/apt";
Dir::State::Lists "$dir/apt/lists";
Dir::State::status "$dir/apt/status";
Dir::Cache "$dir/apt";
Dir::Etc::sourcelist "$dir/apt/sources.list";
Dir::Etc::sourceparts "$dir/apt/parts";
Dir::Etc::preferencesparts "$dir/apt/parts";
APT::Sandbox::User "$(id -un)";
Acquire::Languages "none";
END
export APT_CONFIG="$dir/apt/apt.conf"
apt-get -qq update || complain "can't read Debian 13's list of packages from this machine's mirror"
(cd "$dir/apt" && apt-get -qq download docker-compose) || complain "can't fetch docker-compose of Debian 13"
dpkg-deb -x "$dir"/apt/docker-compose_*.deb "$dir/package"
cp "$dir/package/usr/libexec/docker/cli-plugins/docker-compose" "$dir/docker-compose"
rm -rf "$dir/apt" "$dir/package"
new_enough "$dir/docker-compose" || complain "Debian 13's docker-compose does not run here: is the C library older than 2.34?"
