#!/bin/sh
# Prints the folder for what tests write and throw away, most of it servers' data: one in memory, where there
# is room for it and programs may be started from it, else the usual one. TMPDIR, if set, is respected.
usual=${TMPDIR:-/tmp}
fits() {
    room=$(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1)
    free=$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo 2>/dev/null)
    [ "${room:-0}" -ge 8388608 ] && [ "${free:-0}" -ge 12582912 ]
}
runs() {
    probe=$(mktemp /dev/shm/rowmill.XXXXXX 2>/dev/null) || return 1
    printf '#!/bin/sh\n' > "$probe" && chmod 700 "$probe" && "$probe" 2>/dev/null
    ran=$?
    rm -f "$probe"
    return $ran
}
if [ -z "$TMPDIR" ] && fits && runs; then echo /dev/shm; else echo "$usual"; fi
