#!/bin/sh
# install.sh HOST: install Manifold OMS on Debian or Ubuntu without containers, from the checkout that this script is in. Run it as root.
#
# It may be run again at any time: what is there stays (above all keys and data), what is missing is added. Steps: packages, user,
# folders, code in /srv/manifold, virtual environment with pinned packages, database role and database, settings file with new keys,
# migrate, static files, units, the command `manifold`, nginx. Then it says what is left: a certificate, and the first-run page.
# Options by environment: MANIFOLD_DATABASE=sqlite (one seller, one host), MANIFOLD_PROXY=none (a proxy of your own),
# MANIFOLD_SYSTEMCTL, MANIFOLD_PREFIX and MANIFOLD_USER for rehearsals in a folder (then no packages, role, units or user are made).
set -eu

host="${1:-}"
prefix="${MANIFOLD_PREFIX:-}"
user="${MANIFOLD_USER:-manifold}"
systemctl="${MANIFOLD_SYSTEMCTL:-systemctl}"
database="${MANIFOLD_DATABASE:-postgresql}"
proxy="${MANIFOLD_PROXY:-nginx}"
source="$(cd "$(dirname "$0")/../.." && pwd)"
home="$prefix/srv/manifold"
file="$prefix/etc/manifold.env"
backups="$prefix/var/backups/manifold"

say() { echo "install: $*"; }
fail() { echo "install: $*" >&2; exit 2; }
as_user() {
    if [ "$(id -un)" = "$user" ]; then "$@"; else runuser -u "$user" -- "$@"; fi
}
as_postgres() { (cd / && runuser -u postgres -- "$@"); }

case "$host" in
    "" | *[!A-Za-z0-9.-]*) fail "give the host name that people open: sh contrib/debian/install.sh oms.example.com" ;;
esac
case "$database" in postgresql | sqlite) ;; *) fail "MANIFOLD_DATABASE is postgresql or sqlite." ;; esac
if [ -z "$prefix" ]; then
    [ "$(id -u)" = 0 ] || fail "run this as root."
    command -v apt-get >/dev/null || fail "this is neither Debian nor Ubuntu: follow the steps by hand in docs/install.md."
    say "packages"
    packages="python3 python3-venv git gnupg ca-certificates"
    [ "$database" = sqlite ] || packages="$packages postgresql"
    [ "$proxy" != nginx ] || packages="$packages nginx"
    # shellcheck disable=SC2086 # a list of names
    DEBIAN_FRONTEND=noninteractive apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $packages
    id "$user" >/dev/null 2>&1 || useradd --system --home-dir "$home" --shell /usr/sbin/nologin "$user"
fi
python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || fail "Python 3.11 or newer is needed."

say "code in $home"
group="$(id -gn "$user")"
mkdir -p "$home" "$prefix/etc" "$prefix/usr/local/bin" "$prefix/usr/local/lib/manifold" "$backups"
if [ ! -e "$home/manage.py" ]; then
    if [ -d "$source/.git" ] || [ -f "$source/.git" ]; then
        git clone --quiet --no-hardlinks "$source" "$home"
        origin="$(git -C "$source" remote get-url origin 2>/dev/null || true)"
        if [ -n "$origin" ]; then git -C "$home" remote set-url origin "$origin"; else git -C "$home" remote remove origin; fi
    else
        (cd "$source" && tar -cf - --exclude=./var --exclude=./.venv .) | tar -xf - -C "$home"
    fi
fi
mkdir -p "$home/var"
chmod 750 "$home/var" "$backups"
[ "$(id -u)" != 0 ] || chown -R "$user:$group" "$home" "$backups"

say "virtual environment"
[ -x "$home/.venv/bin/python" ] || as_user python3 -m venv "$home/.venv"
if ! cmp -s "$home/requirements.txt" "$home/.venv/requirements-installed.txt"; then
    if [ -z "${MANIFOLD_SKIP_PACKAGES:-}" ]; then
        as_user "$home/.venv/bin/python" -m pip --disable-pip-version-check --no-input install --quiet --no-deps --require-hashes -r "$home/requirements.txt"
    fi
    as_user cp "$home/requirements.txt" "$home/.venv/requirements-installed.txt"
fi

if [ ! -e "$file" ]; then
    say "settings in $file"
    address=""
    if [ "$database" = postgresql ]; then
        password="$(od -An -N 20 -tx1 /dev/urandom | tr -d ' \n')"
        if [ -z "$prefix" ]; then
            as_postgres psql -qtAc "SELECT 1 FROM pg_roles WHERE rolname = 'manifold'" | grep -q 1 || as_postgres psql -qc "CREATE ROLE manifold LOGIN"
            as_postgres psql -qc "ALTER ROLE manifold PASSWORD '$password'"
            as_postgres psql -qtAc "SELECT 1 FROM pg_database WHERE datname = 'manifold'" | grep -q 1 || as_postgres createdb --owner manifold manifold
        fi
        address="postgres://manifold:$password@127.0.0.1:5432/manifold"
    fi
    (cd "$home" && .venv/bin/python -c 'import sys; from oms.upkeep import settings_file; sys.exit(settings_file.main(sys.argv[1:]))' \
        --quiet --address "https://$host" --file "$file" --data "$home/var" --database "$address")
fi
chmod 640 "$file"
[ "$(id -u)" != 0 ] || chown "root:$group" "$file"
# A command that is typed in the checkout reads the same file.
[ -e "$home/.env" ] || ln -s "$file" "$home/.env"

say "database and static files"
manage() { (cd "$home" && as_user env OMS_ENV_FILE="$file" .venv/bin/python manage.py "$@"); }
manage migrate --no-input --verbosity 0
manage collectstatic --no-input --verbosity 0
manage check --deploy --fail-level WARNING

say "the command manifold"
install -m 755 "$home/contrib/debian/manifold" "$prefix/usr/local/bin/manifold"
install -m 755 "$home/contrib/debian/upgrade.sh" "$prefix/usr/local/lib/manifold/upgrade.sh"

if [ -z "$prefix" ]; then
    say "services"
    install -m 644 "$home"/contrib/systemd/manifold-* "$home"/contrib/debian/manifold-backup.* /etc/systemd/system/
    "$systemctl" daemon-reload
    "$systemctl" enable --quiet --now manifold-web manifold-lane@orders manifold-lane@stock manifold-lane@default \
        manifold-watch.timer manifold-backup.timer
    if [ "$proxy" = nginx ] && [ ! -e /etc/nginx/conf.d/manifold.conf ]; then
        install -m 644 "$home/contrib/nginx/manifold.conf" /etc/nginx/conf.d/manifold.conf
        sed -i "s/oms\\.example\\.com/$host/g" /etc/nginx/conf.d/manifold.conf
        if [ -e "/etc/letsencrypt/live/$host/fullchain.pem" ] && nginx -t -q; then
            "$systemctl" reload nginx
        else
            mv /etc/nginx/conf.d/manifold.conf /etc/nginx/conf.d/manifold.conf.waiting
            say "left: a certificate. apt install certbot, certbot certonly --standalone -d $host, then rename /etc/nginx/conf.d/manifold.conf.waiting to manifold.conf and reload nginx."
        fi
    fi
fi
manage setup_token || true
say "done. Open https://$host/ and make the owner's account."
say "keep a copy of the keys in $file in another place than the backups ($backups)."
