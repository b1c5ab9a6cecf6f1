"""From names to addresses: RFC 3263 over the DNS, with a cache, limits, and a memory of where nobody answers.

What is asked and in which order answers are taken is pure (selection.py); who answers is a `Records`: the DNS
(questions.py), the cache before it, or a dictionary in a test. Others need a `Finder`; `NumericOnly` has no DNS.
"""

from mediasrv.endpoints.resolution.cache import CachedRecords
from mediasrv.endpoints.resolution.questions import DnsRecords
from mediasrv.endpoints.resolution.records import (
    Answer,
    CannotLookUp,
    HostKind,
    Ipv4,
    Ipv6,
    Naptr,
    Record,
    Records,
    Srv,
)
from mediasrv.endpoints.resolution.resolver import CannotResolve, Finder, NumericOnly, Resolver

__all__ = [
    "Answer",
    "CachedRecords",
    "CannotLookUp",
    "CannotResolve",
    "DnsRecords",
    "Finder",
    "HostKind",
    "Ipv4",
    "Ipv6",
    "Naptr",
    "NumericOnly",
    "Record",
    "Records",
    "Resolver",
    "Srv",
]
