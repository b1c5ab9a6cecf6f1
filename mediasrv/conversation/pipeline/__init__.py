"""One turn, from the words that were heard to the lines that are spoken: a list of stages over one stream of pieces.

`lines` runs a question through `STAGES`; an `Exchange` is what the stages of one turn share and write down; a `Level`
says how long they may take. A stage never catches a cancellation: what interrupts a turn ends all of them.
"""

from mediasrv.conversation.pipeline.exchange import (
    Asked,
    Decision,
    Exchange,
    Line,
    Mind,
    Piece,
    Stage,
    Written,
)
from mediasrv.conversation.pipeline.levels import BALANCED, LEVELS, Level, level_named
from mediasrv.conversation.pipeline.pipeline import STAGES, lines

__all__ = [
    "BALANCED",
    "LEVELS",
    "STAGES",
    "Asked",
    "Decision",
    "Exchange",
    "Level",
    "Line",
    "Mind",
    "Piece",
    "Stage",
    "Written",
    "level_named",
    "lines",
]
