"""The agent `demo`: a small hotel's telephone that needs no key and no network (docs/demo.md)."""

from mediasrv.call.demo.agent import HOTEL, demo_agent

__all__ = ["HOTEL", "demo_agent"]
