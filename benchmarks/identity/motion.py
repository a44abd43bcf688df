"""How people before a webcam move: drawn at random once, then a function of time."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.identity.posing import Pose, SideLight

Keyframe = tuple[float, float, float, float]
"""Time in seconds; x and y of the photograph's middle, shares of the frame's width and
height; its side, share of the frame's height."""


@dataclass(frozen=True, slots=True)
class Wave:
    """A value that swings around 0 in two rhythms."""

    amplitude: float
    periods_s: tuple[float, float]
    phases: tuple[float, float]

    def at(self, t_s: float) -> float:
        """Return the value at a time, within +/- `amplitude`."""
        slow, fast = (
            math.sin(2 * math.pi * t_s / period + phase)
            for period, phase in zip(self.periods_s, self.phases, strict=True)
        )
        return self.amplitude * (0.65 * slow + 0.35 * fast)


def wave(draw: np.random.Generator, amplitude: float) -> Wave:
    """Draw a swing of some amplitude with human rhythms."""
    periods = (float(draw.uniform(5, 11)), float(draw.uniform(1.6, 4)))
    phases = (float(draw.uniform(0, 2 * math.pi)), float(draw.uniform(0, 2 * math.pi)))
    return Wave(amplitude, periods, phases)


@dataclass(frozen=True, slots=True)
class Placed:
    """A face at one time: shares of the frame as in `Keyframe`, its pose and light."""

    x: float
    y: float
    side: float
    pose: Pose
    light: SideLight


@dataclass(frozen=True, slots=True)
class Motion:
    """Where a face is, how it is held and lit, at any time.

    Attributes:
        track: Keyframes in order; between them a face glides, before and after it stays.
        sway: Waves of x and y (shares of the frame) and of the side (share of itself).
        turn: Waves of yaw, pitch and roll, degrees.
        bias: Pose around which it turns; its `smile` is kept.
        blink_s: Period and phase of blinks, each a quarter of a second.
        talk_s: Stretches in which the jaw moves.
        light: Light on the face at rest.
        lights: (from time, light): another light from then on.
    """

    track: tuple[Keyframe, ...]
    sway: tuple[Wave, Wave, Wave]
    turn: tuple[Wave, Wave, Wave]
    bias: Pose
    blink_s: tuple[float, float]
    talk_s: tuple[tuple[float, float], ...] = ()
    lights: tuple[tuple[float, SideLight], ...] = ((0.0, SideLight()),)

    def at(self, t_s: float) -> Placed:
        """Return the face at a time."""
        x, y, side = _between(self.track, t_s)
        yaw, pitch, roll = (swing.at(t_s) for swing in self.turn)
        since = (t_s + self.blink_s[1]) % self.blink_s[0]
        talks = any(start <= t_s < end for start, end in self.talk_s)
        pose = replace(
            self.bias,
            yaw_deg=self.bias.yaw_deg + yaw,
            pitch_deg=self.bias.pitch_deg + pitch,
            roll_deg=self.bias.roll_deg + roll,
            lids=1.0 if since < 0.25 else 0.0,
            jaw=max(0.0, math.sin(2 * math.pi * 2.3 * t_s)) if talks else self.bias.jaw,
        )
        light = next(light for start, light in reversed(self.lights) if start <= t_s)
        return Placed(
            x + self.sway[0].at(t_s),
            y + self.sway[1].at(t_s),
            side * (1 + self.sway[2].at(t_s)),
            pose,
            light,
        )


def motion(
    draw: np.random.Generator,
    track: Sequence[Keyframe],
    *,
    turn_deg: float = 9.0,
    sway: float = 0.012,
    zoom: float = 0.05,
    talk_until_s: float = 20.0,
) -> Motion:
    """Draw the movements of somebody who keeps to `track`."""
    start = float(draw.uniform(0, talk_until_s))
    return Motion(
        track=tuple(track),
        sway=(wave(draw, sway), wave(draw, sway), wave(draw, zoom)),
        turn=(wave(draw, turn_deg), wave(draw, 0.6 * turn_deg), wave(draw, 0.45 * turn_deg)),
        bias=Pose(
            yaw_deg=float(draw.uniform(-5, 5)),
            pitch_deg=float(draw.uniform(-3, 3)),
            roll_deg=float(draw.uniform(-4, 4)),
            smile=float(draw.uniform(-0.6, 0.6)),
        ),
        blink_s=(float(draw.uniform(2.7, 5.2)), float(draw.uniform(0, 5))),
        talk_s=((start, start + float(draw.uniform(1.5, 4))),),
        lights=((0.0, side_light(draw)),),
    )


def side_light(draw: np.random.Generator, strongest: float = 0.35) -> SideLight:
    """Draw light from one side."""
    return SideLight(float(draw.uniform(0.05, strongest)), float(draw.uniform(180, 360)))


def _between(track: tuple[Keyframe, ...], t_s: float) -> tuple[float, float, float]:
    after = bisect_right([key[0] for key in track], t_s)
    if after == 0 or after == len(track):
        _, x, y, side = track[0 if after == 0 else -1]
        return x, y, side
    before, following = track[after - 1], track[after]
    share = (t_s - before[0]) / (following[0] - before[0])
    share = share * share * (3 - 2 * share)
    x, y, side = (
        one + share * (other - one) for one, other in zip(before[1:], following[1:], strict=True)
    )
    return x, y, side
