"""Who calls whom, as far as the trunk is to be believed.

What a header says is only looked at where the trunk's settings name it: anybody can write P-Asserted-Identity or
Diversion into an INVITE. A user of ours is called by the name that he has proven, whatever he writes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mediasrv.config import USERS_TRUNK, TrunkSettings
from mediasrv.sip import Party, Request, Uri, first_diverted_from, first_in_history

ANONYMOUS = "anonymous"

_CALLED: Mapping[str, Callable[[Request], Uri | None]] = {
    "uri": lambda request: request.uri,
    "to": lambda request: request.to.uri,
    "diversion": lambda request: first_diverted_from(request.headers),
    "history": lambda request: first_in_history(request.headers),
}


def called_number(request: Request, trunk: TrunkSettings) -> str:
    """As the trunk's dial plan means it."""
    uri = _CALLED[trunk.called_in](request) or request.uri
    return trunk.number(uri.user_text)


def caller_number(request: Request, trunk: TrunkSettings, *, name: str, username: str) -> str:
    """`name` is the trunk's; `username` who has proven to be the caller, if anybody had to."""
    if username and name == USERS_TRUNK:
        return username
    if trunk.caller_in == "asserted":
        party = Party.of(request.headers)
        if party.hides_identity:
            return ANONYMOUS
        if party.asserted:
            return trunk.number(party.asserted[0].uri.user_text)
    return trunk.number(request.from_.uri.user_text)
