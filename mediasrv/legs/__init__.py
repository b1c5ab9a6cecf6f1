"""Legs: what carries one party's audio into a call."""

from mediasrv.legs.leg import CallInfo, Ending, Leg

__all__ = ["CallInfo", "Ending", "Leg"]
