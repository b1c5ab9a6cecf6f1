"""Legs: what carries one party's audio into a call."""

from mediasrv.legs.leg import (
    CallInfo,
    CannotDial,
    CannotTransfer,
    Ending,
    HoldChanged,
    Leg,
    LegEnded,
    LegRequest,
    TransferAsked,
)

__all__ = [
    "CallInfo",
    "CannotDial",
    "CannotTransfer",
    "Ending",
    "HoldChanged",
    "Leg",
    "LegEnded",
    "LegRequest",
    "TransferAsked",
]
