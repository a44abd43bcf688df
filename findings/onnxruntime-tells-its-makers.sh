#!/usr/bin/env bash
# ONNX Runtime's wheel writes a device id into the home, and means to tell its makers what runs.
#
# Guessed before the run: running a model writes nothing and asks for nobody.
# Seen: on Linux the first session writes `~/.cache/Microsoft/DeveloperTools/.onnxruntime/deviceid` and
# a database of events beside it, and the library holds the address of a collector. In a process that
# stayed for two and a half minutes `strace` saw it ask the name server for that host. Where the home
# cannot be written it logs "Failed to persist telemetry device ID". With `ORT_DISABLE_TELEMETRY=1`,
# set before the library is loaded, nothing of that happens; `0` is as if it were not set.
# Output seen: "default: 2 files: deviceid onnxruntime.db", "ORT_DISABLE_TELEMETRY=1: 0 files",
# "address in the library: mobile.events.data.microsoft.com".
#
# Seen with onnxruntime 1.31.1. Exits with 1 when this has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check onnxruntime==1.31.1 numpy==2.4.0
cat > "$folder/run.py" <<'PYTHON'
from pathlib import Path

import numpy as np
import onnxruntime

model = Path(onnxruntime.__file__).parent / "datasets" / "mul_1.onnx"
session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
session.run(None, {session.get_inputs()[0].name: np.ones((3, 2), np.float32)})
PYTHON
run() {
    mkdir "$folder/home-$1"
    env -i HOME="$folder/home-$1" PATH="$PATH" ${2:+"$2"} "$folder/venv/bin/python" "$folder/run.py"
    find "$folder/home-$1" -type f -printf '%f\n' | grep -v -- '-wal$\|-shm$\|-journal$' | sort | tr '\n' ' ' | sed 's/ $//' || true
}
"$folder/venv/bin/python" -c 'import onnxruntime; print("onnxruntime", onnxruntime.__version__)'
default=$(run default)
off=$(run off ORT_DISABLE_TELEMETRY=1)
address=$(grep -aoh 'https://mobile\.events\.data\.microsoft\.com' "$folder"/venv/lib/python3*/site-packages/onnxruntime/capi/*.so | head -1 | sed 's,https://,,')
echo "default: $(wc -w <<< "$default") files: $default"
echo "ORT_DISABLE_TELEMETRY=1: $(wc -w <<< "$off") files"
echo "address in the library: $address"
if [ "$default" = "deviceid onnxruntime.db" ] && [ -z "$off" ] && [ -n "$address" ]; then echo "as seen"; else echo "CHANGED"; exit 1; fi
