#!/usr/bin/env bash
# Finds a Python that can run the project and hands over to setup_environment.py.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"

# 3.11 first: the lock was made for it. A name on PATH may be a shim without a
# working interpreter behind it, so each one is asked.
for candidate in "${PYTHON:-}" python3.11 python3.12 python3.13 python3; do
    [ -n "$candidate" ] || continue
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
        exec "$candidate" "$here/setup_environment.py" "$@"
    fi
done

found="$(python3 --version 2>/dev/null || true)"
cat >&2 <<MESSAGE
Set-up needs Python 3.11 or newer; found: ${found:-none}.
  Debian 12, Ubuntu 24.04:  apt-get install python3 python3-venv
  macOS:                    brew install python@3.11
  elsewhere:                https://www.python.org/downloads/
or name one:  make setup PYTHON=/path/to/python3.11
MESSAGE
exit 1
