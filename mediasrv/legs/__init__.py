"""Legs: what carries one party's audio into a call."""

from mediasrv.legs.leg import CallInfo, CannotDial, CannotTransfer, Ending, Leg, LegEnded

__all__ = ["CallInfo", "CannotDial", "CannotTransfer", "Ending", "Leg", "LegEnded"]
