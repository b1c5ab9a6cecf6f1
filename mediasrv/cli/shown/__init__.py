"""A call that is over, drawn for people: its messages as a ladder, its conversation as a play."""

from mediasrv.cli.shown.ladder import ladder
from mediasrv.cli.shown.talk import talk

__all__ = ["ladder", "talk"]
