#!/bin/sh
# Settings whose value is a secret come by file: FEX_X__Y_FILE becomes FEX_X__Y.
# (Airflow reads its own secrets through *_CMD, AWS through its credentials file.)
set -eu
for name in $(env | sed -n 's/^\(\(FEX\|MLFLOW\)_[A-Z0-9_]*\)_FILE=.*/\1/p'); do
    file="$(printenv "${name}_FILE")"
    value="$(cat "$file")"
    export "$name=$value"
    unset "${name}_FILE"
done
exec "$@"
