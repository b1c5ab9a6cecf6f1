"""Legs: what carries one party's audio into a call."""

from mediasrv.legs.leg import CallInfo, CannotTransfer, Ending, Leg, LegEnded

__all__ = ["CallInfo", "CannotTransfer", "Ending", "Leg", "LegEnded"]
