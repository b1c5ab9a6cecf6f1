"""Several parties in one call: two who are joined, one who takes another's place, a supervisor who listens.

`floor` says who hears whom, `parties` who sits where, `bridge` joins the caller with somebody who is dialled,
`handover` replaces a party that asks for it, `joint` joins the parties of two calls, `supervisor` is the agent of who
listens in, `chords` tells keys for the bridge from keys for the other side, `ringback` is what is heard meanwhile.
"""

from mediasrv.call.bridge.bridge import Bridge, BridgePlan, Outcome
from mediasrv.call.bridge.floor import Floor, Mode, Supervision
from mediasrv.call.bridge.handover import take_over
from mediasrv.call.bridge.parties import PEOPLE, Party, Seat
from mediasrv.call.bridge.ringback import ringback
from mediasrv.call.bridge.supervisor import SupervisorAgent

__all__ = [
    "PEOPLE",
    "Bridge",
    "BridgePlan",
    "Floor",
    "Mode",
    "Outcome",
    "Party",
    "Seat",
    "Supervision",
    "SupervisorAgent",
    "ringback",
    "take_over",
]
