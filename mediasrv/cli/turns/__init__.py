"""A call's turns as waterfalls: what each waited for, and for how long, from the caller's last word to the last said.

`spans` reads the records of a call, `waterfall` draws them; neither knows a terminal.
"""

from mediasrv.cli.turns.spans import Span, TurnView, views
from mediasrv.cli.turns.waterfall import waterfall

__all__ = ["Span", "TurnView", "views", "waterfall"]
