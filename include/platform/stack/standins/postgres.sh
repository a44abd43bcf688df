#!/bin/sh
# What the entry point of the image `postgres` does: a cluster on an empty folder, its scripts
# once, then the server with the options given. Debian's programs, whichever release there is.
set -eu
data=/var/lib/postgresql/data
sockets=/var/run/postgresql
if [ ! -s "$data/PG_VERSION" ]; then
    # shellcheck disable=SC2086 # options, one word each
    initdb --pgdata "$data" --username "$POSTGRES_USER" --encoding UTF8 --locale C.UTF-8 \
        --pwfile "$POSTGRES_PASSWORD_FILE" $POSTGRES_INITDB_ARGS
    echo 'host all all all scram-sha-256' >> "$data/pg_hba.conf"
    pg_ctl --pgdata "$data" --wait start \
        --options "-c listen_addresses='' -c unix_socket_directories=$sockets"
    for script in /docker-entrypoint-initdb.d/*.sh; do
        PGHOST="$sockets" sh "$script"
    done
    pg_ctl --pgdata "$data" --mode fast --wait stop
fi
exec postgres -D "$data" -c listen_addresses='*' -c "unix_socket_directories=$sockets" "$@"
