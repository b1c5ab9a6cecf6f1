"""A call of ours at a carrier: what came, and what the carrier says to it, when the test wants it said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from mediasrv.endpoints.datagram import Address
from tests.carriers.carrier import MAGIC, NOTIFIES_FROM, Carrier, Manner
from tests.carriers.digest import is_right, parameters
from tests.carriers.message import Message, respond, write
from tests.fakes.datagrams import FakeNetwork, FakeSocket

USER, PASSWORD = "house", "correct horse battery"
ASKS_IN = {401: "WWW-Authenticate", 407: "Proxy-Authenticate"}
PROVES_IN = {401: "authorization", 407: "proxy-authorization"}
PHRASES = {401: "401 Unauthorized", 407: "407 Proxy Authentication Required"}
SOON_S = 2.0


@dataclass
class TakenCall:
    carrier: Switch
    invite: Message

    def say(self, first: str, *headers: str, body: str = "") -> None:
        self.carrier.send(respond(self.invite, first, *headers, body=body))

    def ask_who(self, status: int, realm: str, algorithms: Sequence[str] = ("MD5",)) -> None:
        """RFC 7616 section 3.3; one header for each algorithm, the preferred one first."""
        self.say(
            PHRASES[status],
            *(
                f'{ASKS_IN[status]}: Digest realm="{realm}", nonce="{nonce(self.invite)}", '
                f'algorithm={algorithm}, qop="auth"'
                for algorithm in algorithms
            ),
        )

    def tell_early(self) -> None:
        """What the network plays is described before anybody has picked up."""
        self.say("183 Session Progress", *self._answer(), body=self.carrier.manner.description())

    def pick_up(self, *, interval_s: int = 0) -> None:
        self.say("200 OK", *self._answer(interval_s), body=self.carrier.manner.description())

    async def end(self) -> str:
        """Hangs up; what we say to that."""
        host, port = self.carrier.manner.address
        invite = self.invite
        lines = [
            f"Via: SIP/2.0/UDP {host}:{port};branch={MAGIC}bye{invite['call-id']}",
            f"From: {invite['to']};tag=carrier", f"To: {invite['from']}", f"Call-ID: {invite['call-id']}",
            f"CSeq: {NOTIFIES_FROM + 100} BYE", "Max-Forwards: 70",
        ]  # fmt: skip
        bye = write(f"BYE {invite['contact'].strip('<>')} SIP/2.0", lines)
        self.carrier.send(bye)
        got = await self.carrier.answer_to(Message.parse(bye))
        return got.first.partition(" ")[2]

    def _answer(self, interval_s: int = 0) -> list[str]:
        manner = self.carrier.manner
        host, port = manner.address
        interval_s = interval_s or manner.session_expires_s
        text = manner.outgoing.answer.strip().format(
            host=host, port=port, called=manner.outgoing.called, interval_s=interval_s
        )
        return text.split("\n")


def nonce(invite: Message) -> str:
    return f"nonce of {invite['call-id']}"


class Switch(Carrier):
    """A carrier that is called. An INVITE that comes once more, because nobody has answered yet, is the same one."""

    def __init__(self, manner: Manner, socket: FakeSocket) -> None:
        super().__init__(manner, socket)
        self._came, self._calls = trio.open_memory_channel[TakenCall](100)
        self._known: set[str] = set()
        self._waiting: dict[str, TakenCall] = {}  # by branch
        self.does |= {"INVITE": self._take, "CANCEL": self._stop}

    async def taken(self, within_s: float = SOON_S) -> TakenCall:
        """The next INVITE."""
        with trio.fail_after(within_s):
            return await self._calls.receive()

    async def proven(self) -> TakenCall:
        """The next one that says who we are, where the carrier asks for that."""
        call, wants = await self.taken(), self.manner.outgoing
        if wants.challenge:
            call.ask_who(wants.challenge, wants.realm)
            call = await self.taken()
            (credentials,) = call.invite.all(PROVES_IN[wants.challenge])
            assert parameters(credentials)["nonce"] == nonce(call.invite)
            assert is_right(credentials, "INVITE", USER, PASSWORD)
        return call

    def invites(self) -> int:
        """How many different ones came."""
        return len(self._known)

    def _take(self, invite: Message) -> None:
        branch = invite.parameter("via", "branch")
        if branch not in self._known:
            self._known.add(branch)
            self._waiting[branch] = TakenCall(self, invite)
            self._came.send_nowait(self._waiting[branch])

    def _stop(self, cancel: Message) -> None:
        self.send(respond(cancel, "200 OK"))
        self._waiting[cancel.parameter("via", "branch")].say("487 Request Terminated")


@asynccontextmanager
async def switch_at(
    network: FakeNetwork, manner: Manner, address: Address | None = None
) -> AsyncIterator[Switch]:
    switch = Switch(manner, await network.open(address or manner.address))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(switch.listen)
        yield switch
        nursery.cancel_scope.cancel()
