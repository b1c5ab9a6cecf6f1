"""Providers that fail, and calls that go on: breakers, pauses, and an order of others to ask.

Each class here is itself a provider of its kind, made of several: what stands above does not know how many there are.
"""

from mediasrv.providers.resilience.breaker import Breaker, BreakerState
from mediasrv.providers.resilience.ears import SteadyEars
from mediasrv.providers.resilience.member import Member, Told
from mediasrv.providers.resilience.model import SteadyModel
from mediasrv.providers.resilience.patience import Patience
from mediasrv.providers.resilience.voice import SteadyVoice

__all__ = [
    "Breaker",
    "BreakerState",
    "Member",
    "Patience",
    "SteadyEars",
    "SteadyModel",
    "SteadyVoice",
    "Told",
]
