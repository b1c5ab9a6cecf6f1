"""A call, drawn for people: its messages as a ladder, its talk as a play, its turns as waterfalls; or live, as a table;
and how trunks stand.

`spans` reads the records of a call, `waterfall` draws them; neither knows a terminal.
"""

from mediasrv.cli.shown.ladder import ladder
from mediasrv.cli.shown.spans import Span, TurnView, views
from mediasrv.cli.shown.talk import talk
from mediasrv.cli.shown.waterfall import waterfall

__all__ = ["Span", "TurnView", "ladder", "talk", "views", "waterfall"]
