"""How keys of ours reach the other side: as telephone events, in INFO, or as tones.

A trunk's profile names the ways that it takes, the usual one first; the session decides which of them there are.
Events need a payload type that both have agreed on, and the engine makes no tones in a stream that has one. INFO needs
no agreement, so the profile's word must do. Where none of a trunk's ways is left there are still tones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

KeyWay = Literal["rfc4733", "info", "inband"]


def way_of_keys(taken: Sequence[KeyWay], *, events_agreed: bool) -> KeyWay:
    """The first of the ways that the other side takes, and that this session has."""
    in_sound: KeyWay = "rfc4733" if events_agreed else "inband"
    return next((way for way in taken if way in ("info", in_sound)), in_sound)
