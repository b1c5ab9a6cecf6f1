"""From a URI to the places where it can be reached, the best first (RFC 3263).

One question after another costs a caller time, and a domain may answer with a hundred targets. So there are few
targets, their addresses are asked for together, and the whole has a limit: what is known by then is what there is.

A server that fails is not a domain without records. But a call that may go through is better than one that does not,
and the DNS is not where our security comes from: where one kind of record cannot be looked up, the next kind is asked
for, as if there were none. Only when nothing at all comes of it, the difference is told.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Protocol, TypeVar

import trio

from mediasrv.clock import Clock
from mediasrv.endpoints.resolution.failures import Failures
from mediasrv.endpoints.resolution.records import (
    CannotLookUp,
    HostKind,
    Ipv4,
    Ipv6,
    Naptr,
    Record,
    Records,
    Srv,
)
from mediasrv.endpoints.resolution.selection import (
    Question,
    default_transport,
    in_order,
    naptr_questions,
    srv_questions,
    transport_said,
)
from mediasrv.errors import RemoteError
from mediasrv.ids import TokenSource
from mediasrv.sip import Address, Hop, Uri
from mediasrv.sip.grammar.uri import DEFAULT_PORT
from mediasrv.sip.hop import DEFAULT_PORTS, hop_of, is_numeric

RESOLVE_S = 8.0
QUESTIONS_MAX = 4  # SRV names of one domain
TARGETS_MAX = 16
ADDRESSES_MAX = 32
NAME_CHARACTERS_MAX = 253  # RFC 1035 section 2.3.4
LOT_BITS = 48  # weights add up to less than 2**27: the bias is nothing


class CannotResolve(RemoteError):
    """Nothing of ours leads there."""


class Finder(Protocol):
    """Who resolves, and wants to hear what came of it."""

    async def resolve(self, uri: Uri) -> Sequence[Address]:
        """Where that can be reached, the best first and at least one; raises CannotResolve."""

    def failed(self, address: Address) -> None:
        """Nobody answered there."""

    def answered(self, address: Address) -> None:
        """Somebody did."""


class NumericOnly:
    """The Finder of who has no DNS."""

    async def resolve(self, uri: Uri) -> Sequence[Address]:
        await trio.lowlevel.checkpoint()
        return (_numeric(uri),)

    def failed(self, address: Address) -> None:
        """There is no second place to try."""

    def answered(self, address: Address) -> None:
        """As one would think."""


class Resolver:
    """`spoken`: the transports we can begin ourselves. `hosts`: the kinds of address we can send to, in this order."""

    def __init__(
        self,
        records: Records,
        clock: Clock,
        tokens: TokenSource,
        *,
        spoken: Collection[str] = ("UDP", "TCP", "TLS"),
        hosts: Sequence[HostKind] = (Ipv4, Ipv6),
    ) -> None:
        self._records, self._clock, self._tokens = records, clock, tokens
        self._spoken, self._hosts = frozenset(spoken), tuple(hosts)
        self._failures = Failures()

    async def resolve(self, uri: Uri) -> Sequence[Address]:
        await trio.lowlevel.checkpoint()
        if is_numeric(uri.host):
            return (_numeric(uri),)
        if not uri.host or len(uri.host) > NAME_CHARACTERS_MAX:
            raise CannotResolve(f"{uri.scheme}: names no host")
        search = _Search(self._records)
        found = await self._search(uri, search)
        if found:
            return self._failures.last(dict.fromkeys(found), self._clock.now())[:ADDRESSES_MAX]
        raise CannotResolve(f"{uri.host}: {search.problem or 'no address that we can reach'}")

    def failed(self, address: Address) -> None:
        """Nobody answered there: for a while it comes last."""
        self._failures.remember(address, self._clock.now())

    def answered(self, address: Address) -> None:
        self._failures.forget(address)

    async def _search(self, uri: Uri, search: _Search) -> list[Address]:
        said = transport_said(uri)
        needed = said or default_transport(uri)
        if needed not in self._spoken:
            raise CannotResolve(f"{uri.host}: we cannot call over {needed}")
        if uri.port is not None:
            return await self._addresses(search, uri, [(uri.host, uri.port, needed)])
        questions: tuple[Question, ...] = ()
        if said is None:
            questions = naptr_questions(uri, await search.ask(uri.host, Naptr), self._spoken)
        found, denied = await self._services(search, questions or srv_questions(uri, self._spoken))
        if not found and not denied:
            found = [(uri.host, DEFAULT_PORTS.get(needed, DEFAULT_PORT), needed)]
        return await self._addresses(search, uri, found)

    async def _services(
        self, search: _Search, questions: Sequence[Question]
    ) -> tuple[list[tuple[str, int, str]], bool]:
        """The targets of the SRV records, and whether there were any that said "not here"."""
        asked = questions[:QUESTIONS_MAX]
        answers = await _together([partial(search.ask, question.name, Srv) for question in asked])
        found = [
            (record.target, record.port, question.transport)
            for question, records in zip(asked, answers, strict=True)
            for record in in_order(records, self._draw)
        ]
        return found[:TARGETS_MAX], any(answers)

    async def _addresses(
        self, search: _Search, uri: Uri, targets: Sequence[tuple[str, int, str]]
    ) -> list[Address]:
        names = list(dict.fromkeys(name for name, _, _ in targets))
        asked = [partial(self._hosts_of, search, name) for name in names]
        hosts = dict(zip(names, await _together(asked), strict=True))
        places = [
            _address(host, port, transport, uri.host)
            for name, port, transport in targets
            for host in hosts[name]
        ]
        return [place for place in places if place is not None]

    async def _hosts_of(self, search: _Search, name: str) -> list[str]:
        answers = await _together([partial(search.ask, name, kind) for kind in self._hosts])
        return [record.host for records in answers for record in records]

    def _draw(self, most: int) -> int:
        return self._tokens.number(LOT_BITS) % (most + 1)


class _Search:
    """The questions for one URI: how long they may all take, and the first thing that went wrong with them."""

    def __init__(self, records: Records) -> None:
        self._records, self._until = records, trio.current_time() + RESOLVE_S
        self.problem = ""

    async def ask(self, name: str, kind: type[Record]) -> Sequence[Record]:
        try:
            with trio.fail_at(self._until):
                answer = await self._records.look_up(name, kind)
        except (CannotLookUp, trio.TooSlowError) as error:
            self.problem = self.problem or str(error) or "the DNS takes too long"
            return ()
        return answer.records


Result = TypeVar("Result")


async def _together(questions: Sequence[Callable[[], Awaitable[Result]]]) -> list[Result]:
    """Asks all at once; the answers in the order of the questions."""
    answers: dict[int, Result] = {}

    async def ask(index: int, question: Callable[[], Awaitable[Result]]) -> None:
        answers[index] = await question()

    async with trio.open_nursery() as asking:
        for index, question in enumerate(questions):
            asking.start_soon(ask, index, question)
    return [answers[index] for index in range(len(questions))]


def _numeric(uri: Uri) -> Address:
    address = hop_of(uri)
    if address is None:
        raise CannotResolve(f"{uri.host or uri.scheme}: not the address of one host")
    return address


def _address(host: str, port: int, transport: str, name: str) -> Address | None:
    """As messages go there. The DNS may say anything: what no single peer can have is nothing."""
    place = hop_of(Uri("sip", "", f"[{host}]" if ":" in host else host, port))
    if place is None or port == 0:
        return None
    return (host, port) if transport == "UDP" else Hop(host, port, transport, name=name)
