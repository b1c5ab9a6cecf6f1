"""Legs: what carries one party's audio into a call."""

from mediasrv.legs.leg import CallInfo, Ending, Leg, LegEnded

__all__ = ["CallInfo", "Ending", "Leg", "LegEnded"]
