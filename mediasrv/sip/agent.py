"""The user agent: SIP over datagrams as pure state."""

from __future__ import annotations

from collections.abc import Sequence

from mediasrv.ids import TokenSource
from mediasrv.sip.events import SipCallId, SipEvent
from mediasrv.sip.limits import Address, Limits, Timers
from mediasrv.sip.uri import Uri

HeaderLines = Sequence[tuple[str, str]]


class UserAgent:
    """One address of ours, and all calls over it. Nothing here waits, reads a clock or opens a socket."""

    def __init__(
        self,
        local: Address,
        tokens: TokenSource,
        *,
        software: str = "mediasrv",
        limits: Limits | None = None,
        timers: Timers | None = None,
    ) -> None: ...

    def receive(self, data: bytes, source: Address, now: float) -> None:
        """Takes one datagram. Never raises for what a peer sent: it is dropped and counted, or answered."""

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Address]]: ...

    def next_event(self) -> SipEvent | None: ...

    def next_deadline(self) -> float | None:
        """When `handle_deadline` wants to be called next, in the time line of `now`."""

    def handle_deadline(self, now: float) -> None: ...

    def respond(
        self,
        call: SipCallId,
        status: int,
        now: float,
        *,
        reason: str | None = None,
        headers: HeaderLines = (),
        body: bytes = b"",
        content_type: str = "application/sdp",
    ) -> None:
        """Answers the INVITE or re-INVITE in progress; raises WrongState when there is none (any more)."""

    def invite(
        self,
        target: Uri,
        *,
        destination: Address,
        from_uri: Uri,
        body: bytes,
        now: float,
        headers: HeaderLines = (),
    ) -> SipCallId:
        """Calls. With an empty body the offer is the other side's, and `acknowledge` carries our answer."""

    def acknowledge(self, call: SipCallId, now: float, *, body: bytes = b"") -> None:
        """Sends the ACK that `Answered` waits for when our INVITE had no offer."""

    def reinvite(self, call: SipCallId, body: bytes, now: float) -> None:
        """Offers a change of the session; ends with `ReinviteDone`. Raises WrongState when one is under way."""

    def cancel(self, call: SipCallId, now: float) -> None:
        """Gives up a call of ours that was not answered yet; does nothing when that is over."""

    def bye(self, call: SipCallId, now: float, *, reason: str = "") -> None:
        """Ends the call in whatever state it is; does nothing when it is over. `reason` is a Reason header."""
