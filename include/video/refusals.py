"""The sentences people read when a recording cannot be used, and what to do about it."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from include.contracts.containers import Foreign, Way, accepted
from include.contracts.errors import PermanentInputError
from include.contracts.reasons import QuarantineCode

_EXPORT = "Export the recording again as MP4 with H.264 video and drop it again."

_SENTENCES: dict[QuarantineCode, tuple[str, str]] = {
    QuarantineCode.EMPTY_FILE: ("{name} has no content (0 bytes).", "Upload the file again."),
    QuarantineCode.NOT_A_VIDEO: ("{name} is not a video file, whatever its name says.", _EXPORT),
    QuarantineCode.TRUNCATED: (
        "{name} is cut off: the part that describes the recording is missing.",
        "The upload or the recording was interrupted; upload the complete file.",
    ),
    QuarantineCode.NO_VIDEO_STREAM: (
        "{name} holds no video, only sound or data.",
        "Drop the recording that shows the respondent.",
    ),
    QuarantineCode.UNSUPPORTED_CODEC: ("The video in {name} is of an unknown codec.", _EXPORT),
    QuarantineCode.UNSUPPORTED_COLOURS: (
        "The colours of {name} are stored in a way that is not read (YCgCo or ICtCp, for example).",
        "Export it again as MP4 with H.264 video and colours of BT.709, and drop it again.",
    ),
    QuarantineCode.TOO_LARGE: (
        "{name} is larger than the limit FEX_LIMITS__MAX_SIZE_BYTES.",
        "Export it at a lower bit rate, or have the limit raised.",
    ),
    QuarantineCode.TOO_LONG: (
        "{name} is longer than the limit FEX_LIMITS__MAX_DURATION_S.",
        "Cut it into parts, or have the limit raised.",
    ),
    QuarantineCode.TOO_MANY_PIXELS: (
        "The picture of {name} is larger than the limit FEX_LIMITS__MAX_PIXELS allows.",
        "Export it at 4K or less, or have the limit raised.",
    ),
    QuarantineCode.TOO_SMALL: (
        "The picture of {name} is too small to read a face in (FEX_LIMITS__MIN_SIDE_PX).",
        "Export it at its original size.",
    ),
    QuarantineCode.TOO_MANY_FRAMES: (
        "{name} has more frames than the limit FEX_LIMITS__MAX_FRAMES.",
        "Cut it into parts or export it at a lower frame rate.",
    ),
    QuarantineCode.NO_TIMESTAMPS: ("The frames of {name} carry no times.", _EXPORT),
    QuarantineCode.UNDECODABLE: ("No frame of {name} can be decoded.", _EXPORT),
    QuarantineCode.DECODER_LIMIT: (
        "Decoding {name} went past its bound of time or memory.",
        _EXPORT,
    ),
}


def refusal(code: QuarantineCode, name: str) -> PermanentInputError:
    """Return the error that sets the recording called `name` aside for good."""
    sentence, remedy = _SENTENCES[code]
    return PermanentInputError(code.value, sentence.format(name=readable(name)), remedy)


_PLAIN = re.compile(r"[\w(][\w .,()+/-]*")
"""Names that mean the same between double quotes in every shell."""


def foreign_refusal(kind: Foreign, name: str) -> PermanentInputError:
    """Return the error that sets a file aside that is of another kind, with what to do."""
    if kind.way is Way.OTHER_FILE:
        sentence = f"{readable(name)} is not a video file: it is {kind.what}."
        remedy = f"Drop the recording itself. {accepted()}"
    elif kind.way is Way.NO_TIMES:
        sentence = f"{readable(name)} is {kind.what}: it says of no picture when it was taken."
        remedy = f"Let the recorder write MP4 or Matroska. {accepted()}"
    else:
        sentence = f"{readable(name)} is {kind.what}, which is not read."
        remedy = (
            f"{accepted()} Convert it and drop what comes out: {conversion(name)}, or export the "
            "recording again as MP4 with H.264 video."
        )
    return PermanentInputError(kind.code.value, sentence, remedy)


def conversion(name: str) -> str:
    """Return the command that writes a video again as MP4 that is read; times stay.

    Sides are made even, and colours 4:2:0: an encoder of H.264 wants the one, players the other.
    """
    plain = _PLAIN.fullmatch(name) is not None
    source, target = (name, PurePosixPath(name).stem) if plain else ("INPUT", "OUTPUT")
    return (
        f'ffmpeg -i "{source}" -an -vf "scale=trunc(iw/2)*2:trunc(ih/2)*2,format=yuv420p" '
        f'-c:v libx264 -crf 18 "{target}.mp4"'
    )


def readable(name: str) -> str:
    """Return a name in quotes, on one line, with what cannot be printed replaced."""
    return f'"{printable(name)}"'


def printable(text: str) -> str:
    """Return a text on one line, with what cannot be printed replaced."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
