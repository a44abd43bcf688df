#!/usr/bin/env bash
# FFmpeg's own VP9 decoder shows wrong pictures after lost frames without a word; libvpx shows none.
#
# A browser's MediaRecorder hands over chunks, and one that is lost in an upload leaves out some
# frames; every frame that is there is valid.
#
# Guessed before the run: as in H.264, the frames behind the hole are refused or flagged as corrupt.
# Seen: FFmpeg's decoder "vp9", the one that is chosen when a file is opened, refuses at most the
# first few and hands out the others without a flag, and they are wrong until the next key frame.
# The decoder "libvpx-vp9" of the same package refuses all of them.
# Output seen: "vp9: 27 frames shown behind the hole, 27 of them wrong; 3 refused, 0 flagged" and
# "libvpx-vp9: 0 frames shown behind the hole, 0 of them wrong; 30 refused, 0 flagged".
#
# Seen with av 18.1.0 (libavcodec 62.28.102). Exits with 1 when this has changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check av==18.1.0 numpy==2.4.0
"$folder/venv/bin/python" - "$folder/recording.webm" <<'PYTHON'
import sys

import av
import numpy as np

path, lost = sys.argv[1], range(20, 30)
draw = np.random.default_rng(0)
base = np.kron(draw.integers(0, 255, (24, 40, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))
with av.open(path, "w") as output:
    stream = output.add_stream(
        "libvpx-vp9", rate=25, options={"deadline": "realtime", "cpu-used": "8", "g": "999", "b": "500k"}
    )
    stream.width, stream.height, stream.pix_fmt = 320, 192, "yuv420p"
    for index in range(60):
        picture = np.roll(base, (3 * index, 5 * index), axis=(0, 1))
        output.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="bgr24")))
    output.mux(stream.encode())


def decoded(name, without=()):
    """Return pictures by time, how many frames were refused, and how many flagged."""
    decoder, shown, refused, flagged = av.CodecContext.create(name, "r"), {}, 0, 0
    decoder.thread_count = 1
    with av.open(path) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        for number, packet in enumerate(packets):
            if number in without:
                continue
            try:
                for frame in decoder.decode(packet):
                    shown[number] = frame.to_ndarray(format="gray").astype(float)
                    flagged += frame.is_corrupt
            except av.error.FFmpegError:
                refused += 1
    return shown, refused, flagged


print("av", av.__version__, "libavcodec", av.library_versions["libavcodec"])
whole, _, _ = decoded("vp9")
seen = {}
for name in ("vp9", "libvpx-vp9"):
    shown, refused, flagged = decoded(name, lost)
    behind = [number for number in shown if number >= lost.stop]
    wrong = sum(float(np.abs(shown[number] - whole[number]).mean()) > 10 for number in behind)
    seen[name] = (len(behind), wrong, refused, flagged)
    print(f"{name}: {len(behind)} frames shown behind the hole, {wrong} of them wrong; "
          f"{refused} refused, {flagged} flagged")
own, other = seen["vp9"], seen["libvpx-vp9"]
as_seen = own[1] > 0 and own[3] == 0 and other[1] == 0 and other[2] > 0
print("as seen" if as_seen else "CHANGED")
sys.exit(0 if as_seen else 1)
PYTHON
