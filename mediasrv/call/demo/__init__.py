"""The agent `demo`: a small hotel's telephone that needs no key and no network (docs/demo.md)."""

from mediasrv.call.demo.agent import CONFIRM_WORDS, HOTEL, demo_agent, expected_of

__all__ = ["CONFIRM_WORDS", "HOTEL", "demo_agent", "expected_of"]
