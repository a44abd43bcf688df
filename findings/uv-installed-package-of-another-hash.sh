#!/usr/bin/env bash
# uv takes an installed package for the one that a hash names, whatever was installed.
#
# Guessed before the run: `uv pip install --require-hashes` and `uv pip sync --require-hashes` notice
# that the wheel on disk is not the one of the lock, and replace it or fail.
# Seen: both end with status 0 and leave it: name and version alone are compared, and nothing of a
# wheel's hash is kept beside what it installed. pip does the same. A changed hash in a lock (a
# release that was taken back and uploaded again, a private rebuild) reaches only environments that
# are made anew.
# Output seen: "installed: one", then "after uv pip install: one", "after uv pip sync: one",
# "after pip install: one".
#
# Seen with uv 0.13.8, pip 24.0 to 26.1. Exits with 1 when this has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/tools"
"$folder/tools/bin/pip" install --quiet --disable-pip-version-check uv==0.13.8 setuptools==80.9.0 wheel==0.45.1
python3 -m venv "$folder/venv"
for name in one two; do
    mkdir -p "$folder/$name"
    printf '[project]\nname = "rebuilt"\nversion = "1"\n[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n' > "$folder/$name/pyproject.toml"
    echo "built = '$name'" > "$folder/$name/rebuilt.py"
    "$folder/tools/bin/pip" wheel --quiet --no-deps --no-build-isolation --wheel-dir "$folder/wheels-$name" "$folder/$name"
    echo "rebuilt==1 --hash=sha256:$(sha256sum "$folder/wheels-$name"/*.whl | cut -d' ' -f1)" > "$folder/$name.txt"
done
export VIRTUAL_ENV="$folder/venv"
export UV_CACHE_DIR="$folder/cache"
said() { echo "$1: $("$folder/venv/bin/python" -c 'import rebuilt; print(rebuilt.built)')"; }
uv() { "$folder/tools/bin/uv" "$@"; }
uv --version
uv pip install --quiet --no-index --find-links "$folder/wheels-one" --require-hashes -r "$folder/one.txt"
said "installed" | tee "$folder/seen"
uv pip install --quiet --no-index --find-links "$folder/wheels-two" --require-hashes -r "$folder/two.txt"
said "after uv pip install" | tee -a "$folder/seen"
uv pip sync --quiet --no-index --find-links "$folder/wheels-two" --require-hashes "$folder/two.txt"
said "after uv pip sync" | tee -a "$folder/seen"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check --no-index --find-links "$folder/wheels-two" --require-hashes -r "$folder/two.txt"
said "after pip install" | tee -a "$folder/seen"
if [ "$(grep -c ': one$' "$folder/seen")" = 4 ]; then echo "as seen"; else echo "CHANGED"; exit 1; fi
