#!/usr/bin/env bash
# Airflow's Celery provider 3.26.0 allows celery 5.7.0 and cannot be imported with it.
#
# Guessed before the run: the newest celery within the provider's bound works.
# Seen: the provider asks for `celery[redis]>=5.5.0,<6` and imports `retry` from
# `celery.backends.database`, which celery 5.7.0 does not have any more: the CeleryExecutor stops with
# an ImportError. With celery 5.6.3 it imports.
# Output seen: "celery 5.7.0: ImportError: cannot import name 'retry' from 'celery.backends.database'"
# and "celery 5.6.3: imports".
#
# Seen with apache-airflow 3.3.2, apache-airflow-providers-celery 3.26.0. Exits with 1 when this has
# changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export AIRFLOW_HOME="$folder/home"
python3 -m venv "$folder/venv"
python="$folder/venv/bin/python"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check uv==0.13.8
install() { "$folder/venv/bin/uv" pip install --quiet --python "$python" "$@"; }
install apache-airflow==3.3.2 apache-airflow-providers-celery==3.26.0 celery==5.7.0
"$python" -c 'from importlib.metadata import requires; print("bound:", *(r for r in requires("apache-airflow-providers-celery") if r.startswith("celery")))'
try() {
    "$python" - "$1" 2> "$folder/errors" <<'PYTHON' || { tail -5 "$folder/errors"; exit 1; }
import sys

try:
    import airflow.providers.celery.executors.celery_executor_utils  # noqa: F401

    found = "imports"
except ImportError as error:
    found = f"ImportError: {str(error).partition(' (')[0]}"
print(f"celery {sys.argv[1]}: {found}")
PYTHON
}
try 5.7.0 | tee "$folder/seen"
install celery==5.6.3
try 5.6.3 | tee -a "$folder/seen"
if grep -q "5.7.0: ImportError: cannot import name 'retry'" "$folder/seen" && grep -q "5.6.3: imports" "$folder/seen"; then
    echo "as seen"
else
    echo "CHANGED"
    exit 1
fi
