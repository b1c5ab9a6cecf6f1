"""The DNS itself, asked over trio with dnspython: its messages, its retries, TCP where an answer was cut short.

Everything that a server says is somebody else's: what is not of the kind that was asked for, or more than a domain
can need, is left out; what cannot be read, or turns in circles, is no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import dns.asyncbackend
import dns.asyncresolver
import dns.exception
import dns.message
import dns.nameserver
import dns.rdatatype
import dns.resolver

from mediasrv.endpoints.resolution.records import (
    Answer,
    CannotLookUp,
    Ipv4,
    Ipv6,
    Naptr,
    Record,
    Srv,
)

QUESTION_S = 3.0  # for one name and kind, whatever becomes of it
SERVER_S = 1.0  # for one server, before the next is asked or it is asked again
RECORDS_MAX = 64
Make = Callable[[Any], Naptr | Srv | Ipv4 | Ipv6]


class DnsRecords:
    """`servers`: whom to ask, (host, port); none: those of /etc/resolv.conf."""

    def __init__(
        self,
        servers: Sequence[tuple[str, int]] = (),
        *,
        question_s: float = QUESTION_S,
        server_s: float = SERVER_S,
    ) -> None:
        self._resolver = dns.asyncresolver.Resolver(configure=False)
        if servers:
            self._resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in servers]
        else:
            _configure(self._resolver)
        self._resolver.timeout, self._resolver.lifetime = server_s, question_s
        self._backend = dns.asyncbackend.get_backend("trio")

    async def look_up(self, name: str, kind: type[Record]) -> Answer[Record]:
        code, make = KINDS[kind]
        try:
            answer = await self._resolver.resolve(
                name + ".", code, search=False, raise_on_no_answer=False, backend=self._backend
            )
        except dns.resolver.NXDOMAIN as error:
            return Answer((), _ttl_of_nothing(error))
        except (dns.exception.DNSException, OSError, ValueError) as error:
            raise CannotLookUp(f"{name}: {error}") from error
        ttl_s = float(answer.chaining_result.minimum_ttl)
        return Answer(cast("tuple[Record, ...]", tuple(map(make, list(answer)[:RECORDS_MAX]))), ttl_s)


def _configure(resolver: dns.asyncresolver.Resolver) -> None:
    """A machine without a resolv.conf has no DNS: each question fails, and numeric hosts are found as ever."""
    try:
        resolver.read_resolv_conf("/etc/resolv.conf")
    except dns.resolver.NoResolverConfiguration:
        resolver.nameservers = []


def _ttl_of_nothing(error: dns.resolver.NXDOMAIN) -> float:
    """RFC 2308 section 5: as long as the zone says that nothing stays nothing."""
    responses = cast("dict[Any, dns.message.QueryMessage]", cast("Any", error).responses())
    ttls = [response.resolve_chaining().minimum_ttl for response in responses.values()]
    return float(min(ttls, default=0))


def _naptr(record: Any) -> Naptr:
    return Naptr(
        record.order, record.preference, record.flags.decode("ascii", "replace"),
        record.service.decode("ascii", "replace"), record.replacement.to_text(omit_final_dot=True).strip("."),
    )  # fmt: skip


def _srv(record: Any) -> Srv:
    target = record.target.to_text(omit_final_dot=True).strip(".")
    return Srv(record.priority, record.weight, record.port, target)


KINDS: dict[type[Any], tuple[dns.rdatatype.RdataType, Make]] = {
    Naptr: (dns.rdatatype.NAPTR, _naptr),
    Srv: (dns.rdatatype.SRV, _srv),
    Ipv4: (dns.rdatatype.A, lambda record: Ipv4(record.address)),
    Ipv6: (dns.rdatatype.AAAA, lambda record: Ipv6(record.address)),
}
