"""Reason codes: why a row carries no expression, why a file was quarantined."""

from __future__ import annotations

from enum import StrEnum


class RowReason(StrEnum):
    """Why a sampled instant (or a face in it) has no expression."""

    GAP = "gap"
    """No frame of the file is presented within one sampling period from the target."""
    UNREADABLE_FRAME = "unreadable_frame"
    """The decoder could not reconstruct the frame, or one that it refers to."""
    CLOCK_SEAM = "clock_seam"
    """The first moment behind a place where the recording's clock started again or leapt."""
    NO_FACE = "no_face"
    """The detector found no face."""
    FACE_TOO_SMALL = "face_too_small"
    """The face's shorter side is under the configured number of pixels."""
    FACE_BLURRED = "face_blurred"
    """The crop's sharpness is under the configured minimum."""
    FACE_TOO_DARK = "face_too_dark"
    FACE_TOO_BRIGHT = "face_too_bright"
    FACE_IN_PROFILE = "face_in_profile"
    """The head is turned further than the configured yaw."""
    LOW_CONFIDENCE = "low_confidence"
    """The model abstains: its calibrated confidence is under the sealed threshold."""


class QuarantineCode(StrEnum):
    """Why a recording can never be analysed as it stands."""

    EMPTY_FILE = "empty_file"
    UNUSABLE_KEY = "unusable_key"
    NOT_A_VIDEO = "not_a_video"
    UNSUPPORTED_CONTAINER = "unsupported_container"
    TRUNCATED = "truncated"
    NO_VIDEO_STREAM = "no_video_stream"
    UNSUPPORTED_CODEC = "unsupported_codec"
    TOO_LARGE = "too_large"
    TOO_LONG = "too_long"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_SMALL = "too_small"
    TOO_MANY_FRAMES = "too_many_frames"
    NO_TIMESTAMPS = "no_timestamps"
    UNDECODABLE = "undecodable"
    DECODER_LIMIT = "decoder_limit"
    """The confined decoder ran into its time, memory or system-call limit."""
    PURPOSE_DENIED = "purpose_denied"
    """Denied by law or house, or not among the purposes that are allowed."""
    PURPOSE_MISSING = "purpose_missing"
    """No study file states a purpose, and each study must."""
    BAD_STUDY_FILE = "bad_study_file"
    """A study file or a table of respondents cannot be understood."""
    STUDY_FILE_TO_CORRECT = "study_file_to_correct"
    """A file is meant as one of these and named otherwise, or in another place."""
    CONSENT_MISSING = "consent_missing"
    """The study requires consent, and respondents.csv has none for the recording."""
    CONSENT_WITHDRAWN = "consent_withdrawn"
    """The person took consent back."""
    BAD_LABEL_FILE = "bad_label_file"
    DATA_QUALITY = "data_quality"
    """The Great Expectations suite failed at its error level."""
