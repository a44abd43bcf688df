#!/usr/bin/env bash
# PyAV decodes H.264 of every colour matrix and hands out a picture of some only.
#
# Guessed before the run: a frame that decodes can be had as BGR, if need be in colours that are
# a little off, as the FFmpeg of some years ago and OpenCV do.
# Seen: YCgCo (8), BT.2020 with constant luminance (10), the matrices derived from the primaries
# (12, 13), ICtCp (14) and others raise OSError [Errno 95] in to_ndarray(format="bgr24"), while
# decoding said nothing. The number is one field of the header; nothing else of the file differs.
# OpenCV's VideoCapture.read() returns True for each of them and a picture that is none of the
# recording's: libswscale's refusal is not told to who asked.
#
# Seen with av 18.1.0 (libswscale 9.5.102), opencv-python-headless 4.13.0.92. Exits with 1 when
# this has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.0 opencv-python-headless==4.13.0.92
"$folder/venv/bin/python" - "$folder" <<'PYTHON'
import sys
from pathlib import Path

import av
import cv2
import numpy as np
from av.bitstream import BitStreamFilterContext

folder = Path(sys.argv[1])
picture = np.zeros((48, 64, 3), np.uint8)
picture[:] = (40, 90, 200)
with av.open(str(folder / "plain.ts"), "w") as output:
    stream = output.add_stream("libx264", rate=10)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    for _ in range(5):
        output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
    output.mux(stream.encode())

print("av", av.__version__, "libswscale", av.library_versions["libswscale"], "cv2", cv2.__version__)
refused, astray = [], []
for matrix in [1, *range(4, 15)]:
    path = str(folder / f"{matrix}.ts")
    with av.open(str(folder / "plain.ts")) as source, av.open(path, "w") as output:
        stream = source.streams.video[0]
        track = output.add_stream_from_template(stream)
        rename = BitStreamFilterContext(f"h264_metadata=matrix_coefficients={matrix}", stream, track)
        for packet in source.demux(stream):
            for renamed in rename.filter(packet if packet.size else None):
                output.mux(renamed)
    with av.open(path) as container:
        frames = list(container.decode(video=0))
    assert len(frames) == 5 and frames[0].colorspace == matrix, matrix
    try:
        frames[0].to_ndarray(format="bgr24")
        told = "a picture"
    except OSError as error:
        refused.append(matrix)
        told = f"{type(error).__name__}: {error}"
    read, seen = cv2.VideoCapture(path).read()
    off = float(np.abs(seen.astype(int) - picture).mean()) if read else float("nan")
    if read and off > 30:
        astray.append(matrix)
    print(f"{matrix}: PyAV: {told}; OpenCV: {read}, {off:.0f} grey levels off")
as_seen = refused == astray == [8, 10, 11, 12, 13, 14]
print("as seen" if as_seen else "CHANGED")
sys.exit(0 if as_seen else 1)
PYTHON
