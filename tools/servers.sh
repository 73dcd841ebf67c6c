#!/usr/bin/env bash
# Makes the database servers of the tests and the demo available, without touching a running one.
#
#   MariaDB   is installed from the distribution if `mariadbd` is missing (server program and client only:
#             no service is started, no system database is created).
#   MySQL     is unpacked into a cache folder; Debian has it in its unstable suite only, so neither the
#             system's packages nor its C library are changed. Where the distribution itself carries
#             MySQL (Ubuntu), that package is unpacked instead.
#
# Usage: tools/servers.sh [mariadb] [mysql]     (default: both)
# Cache: $ROWMILL_SERVERS, else $XDG_CACHE_HOME/rowmill/servers, else ~/.cache/rowmill/servers
set -euo pipefail

cache=${ROWMILL_SERVERS:-${XDG_CACHE_HOME:-$HOME/.cache}/rowmill/servers}

work=
trap '[ -z "$work" ] || rm -rf "$work"' EXIT

say() { printf 'servers: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else fail "needs root for: $*    (run that, then start again)"
  fi
}

need_apt() {
  command -v apt-get >/dev/null && command -v dpkg >/dev/null ||
    fail "this machine has no apt; install $1 yourself and put its server program on the PATH"
}

mariadb() {
  if command -v mariadbd >/dev/null && command -v mariadb-install-db >/dev/null && command -v mariadb >/dev/null; then
    return
  fi
  need_apt "MariaDB 10.11 or newer"
  say "mariadbd is missing: installing MariaDB's server program and client (used by tests and demo, never started as a service)"
  as_root apt-get update -q >&2
  local server client
  server=$(apt-cache search --names-only '^mariadb-server-core(-[0-9.]+)?$' | cut -d' ' -f1 | sort | head -n 1)
  client=$(apt-cache search --names-only '^mariadb-client-core(-[0-9.]+)?$' | cut -d' ' -f1 | sort | head -n 1)
  [ -n "$server" ] || fail "this distribution offers no mariadb-server-core package"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$server" "$client" >&2
}

# An apt world of its own: lists, cache and status apart from the system's, so that every dependency is listed.
own_apt() { # folder, suite
  local site
  site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -Ev 'security|nodesource' | grep -E '/(debian|ubuntu)/?$' | sort -u | head -n 1)
  [ -n "$site" ] || { as_root apt-get update -q >&2 || true
    site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -Ev 'security' | grep -E '/(debian|ubuntu)/?$' | sort -u | head -n 1); }
  [ -n "$site" ] || fail "apt has no Debian or Ubuntu archive configured to take MySQL from"
  mkdir -p "$1/lists/partial" "$1/cache/archives/partial" "$1/parts"
  : > "$1/status"
  # The system's keyring vouches for the archive; an older release may lack the newest keys of unstable.
  echo "deb $site $2 main universe" > "$1/sources.list"
  [ "$2" = unstable ] && echo "deb $site $2 main" > "$1/sources.list"
  cat > "$1/apt.conf" <<EOF
Dir::Etc::SourceList "$1/sources.list";
Dir::Etc::SourceParts "$1/parts";
Dir::State::Lists "$1/lists";
Dir::State::Status "$1/status";
Dir::Cache "$1/cache";
APT::Sandbox::User "";
APT::Install-Recommends "false";
EOF
}

mysql() {
  local root=$cache/mysql
  [ -e "$root/.complete" ] && return
  if command -v mysqld >/dev/null && mysqld --no-defaults --version 2>/dev/null | grep -qv MariaDB && command -v mysql >/dev/null; then
    return
  fi
  need_apt "MySQL 8.0 or newer"
  say "MySQL is missing: unpacking it into $root (about 370 MB; nothing is installed into the system)"
  local suite=unstable id
  id=$(. /etc/os-release && echo "${ID:-debian}")
  [ "$id" = ubuntu ] && suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/mysql.XXXXXX")
  own_apt "$work/apt" "$suite"
  APT_CONFIG=$work/apt/apt.conf apt-get update -q >&2 || fail "the $suite suite of the archive is not reachable"
  (
    mkdir -p "$work/debs" && cd "$work/debs"
    export APT_CONFIG=$work/apt/apt.conf
    # Server and client, and every library they name; the base system's own programs are not needed.
    apt-get install -y --print-uris mysql-server-core mysql-client-core |
      sed -n "s/^'[^']*' \([^_ ]*\)_.*/\1/p" |
      grep -Ev '^(perl|libperl|dpkg|debconf|cdebconf|base-|login|passwd|adduser|init|mysql-common|sysvinit|tar$|util-linux|bash|dash|coreutils)' |
      sort -u | xargs apt-get download -q
  ) >&2 || fail "MySQL's packages could not be fetched"
  mkdir -p "$work/root"
  local deb
  for deb in "$work"/debs/*.deb; do dpkg -x "$deb" "$work/root"; done
  [ -n "$(find "$work/root/usr/sbin" -name 'mysqld' | head -n 1)" ] || fail "the packages hold no mysqld"
  touch "$work/root/.complete"
  rm -rf "$root"
  mv "$work/root" "$root"
  say "MySQL is ready"
}

[ $# -gt 0 ] || set -- mariadb mysql
for which in "$@"; do
  case $which in
    mariadb) mariadb ;;
    mysql) mysql ;;
    *) fail "usage: tools/servers.sh [mariadb] [mysql]" ;;
  esac
done
