#!/bin/sh
# MLflow with passwords: the file for its authentication is written from the
# secret into memory, where nobody else reads it.
set -eu
umask 077
cat > /tmp/basic-auth.ini <<CONFIG
[mlflow]
default_permission = READ
database_uri = ${MLFLOW_AUTH_DATABASE_URI}
admin_username = admin
admin_password = $(cat /run/secrets/mlflow_password)
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
CONFIG
unset MLFLOW_AUTH_DATABASE_URI
export MLFLOW_AUTH_CONFIG_PATH=/tmp/basic-auth.ini
exec mlflow server --host 0.0.0.0 --port 5000 --workers 1 --app-name basic-auth \
    --artifacts-destination s3://fex/models --allowed-hosts 'mlflow:5000,localhost:5000'
