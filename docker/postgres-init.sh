#!/bin/sh
# Runs once, on an empty data folder: one database and one role for each purpose.
set -eu
create() {
    password="$(cat "/run/secrets/postgres_$1_password")"
    psql --quiet --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
        --set "role=$1" --set "password=$password" <<'SQL'
CREATE ROLE :"role" LOGIN PASSWORD :'password';
CREATE DATABASE :"role" OWNER :"role";
REVOKE ALL ON DATABASE :"role" FROM PUBLIC;
SQL
}
create airflow
create ledger
create mlflow
create mlflow_auth
