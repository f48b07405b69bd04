#!/bin/sh
# manifold upgrade [VERSION]: bring an installation to another version, or back to where it was when a step fails.
#
# Steps: back up, stop the services, take the code of VERSION (a tag; the newest one without it), install its packages, migrate,
# collect the static files, check, start the services, wait until they are ready. When a step after the stop fails, the old code,
# its packages and, if the database was touched, the backup are put back and the services are started again.
# Exit codes: 0 upgraded (or nothing to do), 1 a step failed and everything is as it was, 2 not begun, 3 also the way back failed.
#
# It runs nothing of the checkout as root: everything but systemctl runs as the user of the services.
# For tests and other set-ups: MANIFOLD_HOME, MANIFOLD_ENV, MANIFOLD_USER, MANIFOLD_BACKUPS, MANIFOLD_SYSTEMCTL ("true": no services),
# MANIFOLD_READY (address that must answer 200; empty: do not wait).
set -u

home="${MANIFOLD_HOME:-/srv/manifold}"
file="${MANIFOLD_ENV:-/etc/manifold.env}"
user="${MANIFOLD_USER:-manifold}"
backups="${MANIFOLD_BACKUPS:-/var/backups/manifold}"
systemctl="${MANIFOLD_SYSTEMCTL:-systemctl}"
ready="${MANIFOLD_READY-http://127.0.0.1:8000/readyz}"
services="manifold-web manifold-lane@orders manifold-lane@stock manifold-lane@default manifold-watch.timer"
wanted="${1:-}"

say() { echo "upgrade: $*"; }
as_user() {
    if [ "$(id -un)" = "$user" ]; then "$@"; else runuser -u "$user" -- "$@"; fi
}
in_home() { (cd "$home" && as_user "$@"); }
manifold() { in_home env OMS_ENV_FILE="$file" .venv/bin/python manage.py "$@"; }

[ -x "$home/.venv/bin/python" ] || { say "Manifold is not installed in $home." >&2; exit 2; }
[ "$(id -un)" = "$user" ] || [ "$(id -u)" = 0 ] || { say "run this as root or as the user $user." >&2; exit 2; }
if [ -n "$(in_home git status --porcelain --untracked-files=no)" ]; then
    say "the code in $home was changed by hand: nothing is done. See git status." >&2
    exit 2
fi
if [ -n "$(in_home git remote)" ] && ! in_home git fetch --quiet --tags; then
    say "the new version cannot be fetched: nothing is done." >&2
    exit 2
fi
before="$(in_home git rev-parse HEAD)"
[ -n "$wanted" ] || wanted="$(in_home git tag --list 'v[0-9]*' --sort=-version:refname | head -n 1)"
after="$(in_home git rev-parse --verify --quiet "${wanted:-none}^{commit}")" || {
    say "there is no version ${wanted:-(no tag)}. Versions: $(in_home git tag --list 'v[0-9]*' | tr '\n' ' ')" >&2
    exit 2
}
if [ "$before" = "$after" ]; then
    say "this is $wanted already."
    exit 0
fi

say "from $(in_home git describe --tags --always "$before") to $wanted"
is_touched=""
backup="$(manifold backup --to "$backups" --json | sed -n 's/.*"file": "\([^"]*\)".*/\1/p')"
[ -n "$backup" ] || { say "the backup failed: nothing is done." >&2; exit 2; }
say "backed up to $backup"

packages() { # install what the lists of packages name; the old packages stay when they are the same
    if in_home git diff --quiet "$before" "$after" -- requirements.txt; then return 0; fi
    in_home .venv/bin/python -m pip --disable-pip-version-check --no-input install --quiet --no-deps --require-hashes -r requirements.txt
}

start() {
    # shellcheck disable=SC2086 # a list of names
    "$systemctl" start $services
}

is_ready() {
    [ -n "$ready" ] || return 0
    for _ in $(seq 60); do
        if in_home .venv/bin/python -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1], timeout=5)' "$ready" 2>/dev/null; then return 0; fi
        sleep 1
    done
    say "$ready did not answer within a minute." >&2
    return 1
}

back() {
    say "a step failed ($1): going back" >&2
    # shellcheck disable=SC2086
    "$systemctl" stop $services
    in_home git checkout --quiet --detach "$before" && packages || { say "the old code cannot be put back: see docs/upgrading.md." >&2; exit 3; }
    if [ -n "$is_touched" ]; then
        # Nothing was sent since the backup, so the stores stay as they were.
        manifold restore "$backup" --yes --force --as-it-was >/dev/null || { say "the backup $backup cannot be restored: see docs/upgrading.md." >&2; exit 3; }
    fi
    manifold collectstatic --no-input --verbosity 0 && start || exit 3
    say "everything is as it was. The backup stays." >&2
    exit 1
}

# shellcheck disable=SC2086
"$systemctl" stop $services || back "stop the services"
trap 'back interrupted' INT TERM
in_home git checkout --quiet --detach "$after" || back "take the code"
packages || back "install the packages"
is_touched=1
manifold migrate --no-input --verbosity 0 || back "migrate"
manifold collectstatic --no-input --verbosity 0 || back "collect the static files"
manifold check --deploy || back "check"
start || back "start the services"
is_ready || back "wait until it is ready"
trap - INT TERM
say "this is $wanted. Read what changed: CHANGELOG.md"
