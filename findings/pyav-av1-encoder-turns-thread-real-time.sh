#!/usr/bin/env bash
# Writing AV1 with PyAV as root turns the calling thread into a real-time one for good.
#
# Guessed before the run: encoding leaves the scheduling of the process as it is.
# Seen: after a few frames of `libsvtav1` (SVT-AV1, in PyAV's wheel) the main thread has the policy
# SCHED_FIFO with priority 99 and keeps it when the file is closed; child processes inherit it, and
# everything else on the machine waits behind them. `libx264` and `libvpx-vp9` change nothing. Without
# the right to do so (no root, no CAP_SYS_NICE) nothing changes: the script says so and ends with 0.
# Output seen, as root: "libx264: policy 0 -> 0", "libvpx-vp9: policy 0 -> 0",
# "libsvtav1: policy 0 -> 1, priority 99".
#
# Seen with av 18.1.0 on Linux. Exits with 1 when this has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0
SVT_LOG=0 "$folder/venv/bin/python" - 2>/dev/null <<'PYTHON'
import io
import os
import sys

import av


def encode(codec: str) -> None:
    with av.open(io.BytesIO(), "w", format="matroska") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        for number in range(12):
            frame = av.VideoFrame(320, 180, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes([number * 9]) * plane.buffer_size)
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


try:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
except PermissionError:
    print("this user may not change priorities: nothing to be seen")
    sys.exit(0)
found = {}
for codec in ("libx264", "libvpx-vp9", "libsvtav1"):
    before = os.sched_getscheduler(0)
    encode(codec)
    found[codec] = os.sched_getscheduler(0)
    more = f", priority {os.sched_getparam(0).sched_priority}" if found[codec] else ""
    print(f"{codec}: policy {before} -> {found[codec]}{more}", flush=True)
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
as_seen = found == {"libx264": 0, "libvpx-vp9": 0, "libsvtav1": os.SCHED_FIFO}
print("as seen" if as_seen else "CHANGED")
sys.exit(not as_seen)
PYTHON
