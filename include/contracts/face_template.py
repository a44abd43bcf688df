"""Where the five landmarks of a face lie in every face crop of the platform.

A face is brought to this template by the least-squares similarity transform
(rotation, scale, shift) of its five landmarks, in video analysis and wherever a
picture is prepared for training or evaluation with landmarks.

The shape is the mean of FER+ as CenterFace sees it: 1,500 training pictures
enlarged to 160 px in a 320 px frame, the 1,116 found with a score over 0.6,
landmark positions averaged in the unit square of the picture and made symmetric
left to right. It is then enlarged by 1.05 about the centre: on validation faces
pasted into colour frames, sizes from there to 1.15 gave most right answers
(docs/decisions/0004-model-first-edition.md). A crop aligned to it is framed like
the pictures the model was trained on, a little tighter.
"""

from __future__ import annotations

FACE_TEMPLATE_UNIT: tuple[tuple[float, float], ...] = (
    (0.319, 0.396),
    (0.681, 0.396),
    (0.500, 0.603),
    (0.354, 0.758),
    (0.646, 0.758),
)
"""(x, y) of left eye, right eye, nose tip, left and right mouth corner, left and
right as they appear in the picture; the crop's side is 1.0, the origin is its
upper left corner."""

FACE_CROP_SIDE_PX = 112
"""Side of the square colour JPEG crop that stages hand to the model."""
