"""Agents that files declare: on the telephone (`Cast`), and in writing with whoever tries one out (`Chat`)."""

from mediasrv.call.declared.cast import Cast
from mediasrv.call.declared.chat import Chat

__all__ = ["Cast", "Chat"]
