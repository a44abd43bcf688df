#!/usr/bin/env bash
# pip-audit says "No known vulnerabilities found", status 0, of a release that its index does not know.
#
# Guessed before the run: a package about which nothing could be asked fails the audit, or at least
# changes the status.
# Seen: where the index answers 404, the package is listed as skipped below that sentence, and the
# status is 0. Behind a mirror that has packages and not the JSON API with the advisories, every
# answer is 404: an audit of a release with advisories for years (jinja2 2.10, CVE-2019-10906) passes.
# Only `--strict` makes it 1. The release asked for here is one that nobody has made, so that every
# index answers alike.
# Output seen: "No known vulnerabilities found", "status 0", then "--strict: status 1".
#
# Seen with pip-audit 2.10.1. Exits with 1 when this has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check pip-audit==2.10.1
echo "jinja2==2.10.999" > "$folder/asked.txt"
ask() {
    "$folder/venv/bin/pip-audit" --disable-pip --no-deps --progress-spinner off \
        --cache-dir "$folder/cache" -r "$folder/asked.txt" "$@" > "$folder/said.txt" 2>&1 && status=0 || status=$?
}
"$folder/venv/bin/pip-audit" --version
ask
grep "vulnerabilities found" "$folder/said.txt" || true
echo "status $status"
plain=$status
found=$(grep -c "No known vulnerabilities found" "$folder/said.txt" || true)
ask --strict
echo "--strict: status $status"
if [ "$plain" = 0 ] && [ "$found" = 1 ] && [ "$status" = 1 ]; then echo "as seen"; else echo "CHANGED"; exit 1; fi
