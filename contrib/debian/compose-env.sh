#!/bin/sh
# compose-env.sh HOST: write compose.env with new keys and a new password, for compose.yaml. An existing file is never changed.
set -eu
host="${1:-}"
case "$host" in
    "" | *[!A-Za-z0-9.-]*)
        echo "Give the host name that people open: sh ../debian/compose-env.sh oms.example.com" >&2
        exit 2
        ;;
esac
if [ -e compose.env ]; then
    echo "compose.env exists already and was not changed." >&2
    exit 1
fi
random() { od -An -N "$1" -tx1 /dev/urandom | tr -d ' \n'; }
umask 077
{
    echo "# The settings of Manifold in containers (compose.yaml). Keep a copy of the two keys in another place than the backups."
    echo "OMS_HOST=$host"
    echo "SECRET_KEY=$(random 40)"
    echo "OMS_CREDENTIAL_KEYS=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_')"
    echo "POSTGRES_PASSWORD=$(random 20)"
    echo "TIME_ZONE=Europe/London"
    echo "# EMAIL_URL=smtp+tls://user:password@mail.example.com:587"
    echo "# DEFAULT_FROM_EMAIL=oms@$host"
} >compose.env
echo "compose.env is written."
