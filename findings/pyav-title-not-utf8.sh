#!/usr/bin/env bash
# PyAV does not open a sound recording whose title is not UTF-8.
#
# Guessed before the run: a title that is not UTF-8 is shown wrongly, and the picture is read all
# the same, as FFmpeg and OpenCV do.
# Seen: av.open raises UnicodeDecodeError before any stream can be asked for, because tags are
# decoded strictly unless the caller says metadata_errors="replace". AVI has no rule for the
# encoding of its tags: cameras and editors write Latin-1 or Shift-JIS. OpenCV reads all frames.
#
# Seen with av 18.1.0, opencv-python-headless 4.13.0.92. Exits with 1 when this has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.0 opencv-python-headless==4.13.0.92
"$folder/venv/bin/python" - "$folder/title.avi" <<'PYTHON'
import sys

import av
import cv2
import numpy as np

path, title = sys.argv[1], "Gesicht für Größe"
with av.open(path, "w", metadata_encoding="latin-1") as output:
    output.metadata["title"] = title
    stream = output.add_stream("mpeg4", rate=10)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    for index in range(10):
        picture = np.full((48, 64, 3), 20 * index, np.uint8)
        output.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
    output.mux(stream.encode())

print("av", av.__version__, "cv2", cv2.__version__)
capture, frames = cv2.VideoCapture(path), 0
while capture.read()[0]:
    frames += 1
print("OpenCV reads", frames, "frames")
try:
    av.open(path).close()
    opened = "opens"
except UnicodeDecodeError as error:
    opened = f"UnicodeDecodeError: {error}"
print("av.open:", opened)
with av.open(path, metadata_errors="replace") as container:
    replaced = sum(1 for _ in container.decode(video=0))
    print('av.open(metadata_errors="replace") reads', replaced, "frames, title", container.metadata["title"])
as_seen = frames == 10 and opened.startswith("UnicodeDecodeError") and replaced == 10
print("as seen" if as_seen else "CHANGED")
sys.exit(0 if as_seen else 1)
PYTHON
