"""Every way in which a call can end, as a table: what the phone does, and what the server may write down as the reason.

Each ending is drawn with its own source of chance, so the same seed gives the same calls; when something happens in the
life of the others is the machine's. An ending raises `Unexpected` when the server does not do its part.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import trio

from mediasrv.bench.churn.phone import Exchange, Phone, Unexpected, phone
from mediasrv.bench.instruments.server_process import ServerProcess
from mediasrv.endpoints import CallGone, ChangeRefused, SipCall
from mediasrv.sip import WrongState

TALK_S = (0.0, 4.0)  # before something happens; the agent hangs up later than that
CANCEL_WITHIN_S = 0.05  # of the INVITE: before the answer, with it, or just after
MEDIA_TIMEOUT_MS = 2_000  # the server's, so that a round does not take minutes
SERVER_ENDS_WITHIN_S = 15.0
TRANSFER_WITHIN_S = 10.0
GARBAGE_DATAGRAMS = 12
GARBAGE_OCTETS_MAX = 1_200

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scene:
    """One call to be: who is there, and what chance decides."""

    server: ServerProcess
    exchange: Exchange
    number: str
    chance: random.Random
    asking: trio.CapacityLimiter  # of the server's control socket, which has few places

    async def talk(self) -> None:
        await trio.sleep(self.chance.uniform(*TALK_S))

    async def operator(self, request: Mapping[str, object]) -> None:
        """What the operator wants, done; Unexpected when it is refused."""
        async with self.asking:
            said = await self.server.ask(request)
        if "error" in said:
            raise Unexpected(f"{request['do']}: {said['error']}")

    async def name(self) -> str:
        """The server's name of this call."""
        async with self.asking:
            live = await self.server.live_calls()
        if self.number not in live:
            raise Unexpected("the live view does not know the call")
        return live[self.number]


# ---- the phone calls, and ends it


async def cancels(scene: Scene, ours: Phone) -> None:
    """Gives up before it is answered: CANCEL, or a BYE where the answer was quicker."""
    dialog = await ours.dial(scene.number)
    if scene.chance.random() < 0.5:
        await trio.sleep(scene.chance.uniform(0.0, CANCEL_WITHIN_S))
    await dialog.bye()
    await ended(dialog)


async def hangs_up(scene: Scene, ours: Phone) -> None:
    dialog = await ours.call(scene.number)
    await scene.talk()
    await hang_up(dialog)


async def changes(scene: Scene, ours: Phone) -> None:
    """Puts the agent on hold by re-INVITE, takes it back or not, and hangs up."""
    dialog = await ours.call(scene.number)
    await scene.talk()
    for direction in ("sendonly", "sendrecv")[: scene.chance.randint(1, 2)]:
        await unless_gone("re-INVITE", ours.change(dialog, direction))
    await hang_up(dialog)


async def sends_garbage(scene: Scene, ours: Phone) -> None:
    """Noise on both sockets, halves of messages among it, then a proper BYE: the call must have lived on."""
    dialog = await ours.call(scene.number)
    await scene.talk()
    for _ in range(GARBAGE_DATAGRAMS):
        ours.signalling.send(garbage(scene.chance), scene.exchange.server)
        if ours.media_to is not None:
            ours.media.sendto(garbage(scene.chance), ours.media_to)
    await trio.sleep(scene.chance.uniform(0.0, 0.2))
    await hang_up(dialog)


def garbage(chance: random.Random) -> bytes:
    noise = chance.randbytes(chance.randrange(GARBAGE_OCTETS_MAX))
    lines = (b"BYE sip:x SIP/2.0\r\nVia: ", b"SIP/2.0 200\r\n", b"INVITE sip:", b"\x80\x00", b"\x80\xc8", b"")
    return chance.choice(lines) + noise


# ---- the phone falls silent


async def vanishes(scene: Scene, ours: Phone) -> None:
    await ours.call(scene.number)
    await scene.talk()
    ours.vanish(unread=scene.chance.random() < 0.5)


async def falls_silent(scene: Scene, ours: Phone) -> None:
    """Its sound stops and its signalling lives: the server hangs up."""
    dialog = await ours.call(scene.number)
    await scene.talk()
    ours.hush()
    await ended(dialog)


# ---- the server's side ends it


async def agent_hangs_up(scene: Scene, ours: Phone) -> None:
    await ended(await ours.call(scene.number))


async def operator_hangs_up(scene: Scene, ours: Phone) -> None:
    dialog = await ours.call(scene.number)
    await scene.talk()
    await scene.operator({"do": "hang_up", "call": await scene.name()})
    await ended(dialog)


async def is_transferred(scene: Scene, ours: Phone) -> None:
    """The server asks us to call somebody else (REFER), hears that we did, and hangs up."""
    dialog = await ours.call(scene.number)
    await scene.talk()
    request = {"do": "transfer", "call": await scene.name(), "to": f"sip:elsewhere@{ours.uri.host}"}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.operator, request)
        referred = await unless_gone("REFER", dialog.talk.wait_referral())
        await dialog.talk.accept_referral(referred.referral)
        await dialog.talk.tell_referral(referred.referral, 200)
    await ended(dialog)


# ---- the phone has the server call others


async def transfers(scene: Scene, ours: Phone) -> None:
    """Asks the agent to call a second phone (REFER), and leaves; the second hangs up."""
    async with phone(scene.exchange) as second:
        dialog = await ours.call(scene.number)
        await scene.talk()
        await unless_gone("REFER", dialog.talk.refer(second.uri))
        taken = await second.wait_rung()
        await second.pick_up(taken)
        await hang_up(dialog)
        await scene.talk()
        await hang_up(taken)


# ---- the server calls


async def is_called(scene: Scene, ours: Phone) -> None:
    await scene.operator(call_to(scene, ours))
    dialog = await ours.wait_rung()
    await ours.pick_up(dialog)
    await scene.talk()
    await hang_up(dialog)


async def declines(scene: Scene, ours: Phone) -> None:
    await scene.operator(call_to(scene, ours))
    dialog = await ours.wait_rung()
    await dialog.reject(scene.chance.choice((480, 486, 603)))


async def rings_in_vain(scene: Scene, ours: Phone) -> None:
    """The operator, who has us called, leaves while it rings."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scene.operator, call_to(scene, ours) | {"follow": True})
        dialog = await ours.wait_rung()
        await trio.sleep(scene.chance.uniform(0.0, 0.5))
        nursery.cancel_scope.cancel()
    await ended(dialog)


def call_to(scene: Scene, ours: Phone) -> dict[str, object]:
    host, port = ours.endpoint.local
    return {"do": "call", "to": f"sip:{scene.number}@{host}:{port}", "agent": "scripted", "follow": False}


# ---- what all of them need


async def hang_up(dialog: SipCall) -> None:
    if dialog.end is not None:
        raise Unexpected(f"over before we hung up: {dialog.end}")
    await dialog.bye()
    await ended(dialog)


async def ended(dialog: SipCall) -> None:
    with trio.move_on_after(SERVER_ENDS_WITHIN_S):
        await dialog.wait_ended()
        return
    await dialog.bye()
    raise Unexpected(f"not over after {SERVER_ENDS_WITHIN_S:g} s")


async def unless_gone(what: str, deed: Awaitable[T]) -> T:
    with trio.move_on_after(TRANSFER_WITHIN_S):
        try:
            return await deed
        except (CallGone, ChangeRefused, WrongState) as error:
            raise Unexpected(f"{what}: {error}") from error
    raise Unexpected(f"{what}: nothing within {TRANSFER_WITHIN_S:g} s")


@dataclass(frozen=True, slots=True)
class Manner:
    """One way to end; `recorded`: the reasons that the server may write down, "" where there may be no record."""

    end: Callable[[Scene, Phone], Awaitable[None]]
    recorded: frozenset[str]


def _manner(end: Callable[[Scene, Phone], Awaitable[None]], *recorded: str) -> Manner:
    return Manner(end, frozenset(recorded))


MANNERS: Mapping[str, Manner] = {
    "cancels": _manner(cancels, "caller_cancelled", "caller_hung_up", ""),
    "hangs_up": _manner(hangs_up, "caller_hung_up"),
    "changes": _manner(changes, "caller_hung_up"),
    "sends_garbage": _manner(sends_garbage, "caller_hung_up"),
    "vanishes": _manner(vanishes, "media_timeout", "fault"),
    "falls_silent": _manner(falls_silent, "media_timeout"),
    "agent_hangs_up": _manner(agent_hangs_up, "agent_hung_up"),
    "operator_hangs_up": _manner(operator_hangs_up, "admin"),
    "is_transferred": _manner(is_transferred, "transferred"),
    "transfers": _manner(transfers, "callee_hung_up"),
    "is_called": _manner(is_called, "callee_hung_up"),
    "declines": _manner(declines, "busy", "no_answer", "refused"),
    "rings_in_vain": _manner(rings_in_vain, "admin", "no_answer", ""),
}


async def play(scene: Scene, manner: str) -> None:
    """One call, in that manner; raises Unexpected."""
    async with phone(scene.exchange) as ours:
        await MANNERS[manner].end(scene, ours)
