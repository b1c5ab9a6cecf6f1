"""Flows: connections that a telephone keeps open so that calls can reach it (RFC 5626).

A telephone that can do this says in its Contact which one it is, for good (`+sip.instance`), and which of its flows
this is (`reg-id`). A REGISTER then replaces what the same flow had bound before, whatever address it has now: a
telephone whose NAT has been started anew is not rung twice. A request goes down one flow of each telephone, the newest,
and down the next when that one has failed; what came over a connection that is closed is bound no more.

It works only when the first who takes a request towards the telephone keeps the flow, too: we, when the REGISTER came
straight from it, or the edge proxy that has said so in its Path. Anything between makes it an ordinary registration,
or 439 where the telephone must know (section 6).
"""

from __future__ import annotations

from dataclasses import dataclass

from mediasrv.sip.errors import Malformed
from mediasrv.sip.grammar.fields import REQUIRE, SUPPORTED, NameAddr
from mediasrv.sip.grammar.message import Request
from mediasrv.sip.grammar.syntax import parameter

OUTBOUND = "outbound"
INSTANCE_CHARACTERS_MAX = 256
LARGEST_REG_ID = 2**31 - 1  # section 4.2.1


@dataclass(frozen=True, slots=True)
class Flow:
    """One of a telephone's; `instance` is its name, without the angle brackets that it wears in a Contact."""

    instance: str
    reg_id: int


def flow_of(contact: NameAddr) -> Flow | None:
    """None: it names none, or not so that it can be read (section 6: then it is an ordinary contact)."""
    instance, reg_id = instance_of(contact), parameter(contact.parameters, "reg-id") or ""
    if not instance or not (reg_id.isascii() and reg_id.isdigit()) or len(reg_id) > len(str(LARGEST_REG_ID)):
        return None
    return Flow(instance, int(reg_id)) if 0 < int(reg_id) <= LARGEST_REG_ID else None


def instance_of(contact: NameAddr) -> str:
    text = parameter(contact.parameters, "+sip.instance") or ""
    is_name = text.startswith("<") and text.endswith(">") and len(text) <= INSTANCE_CHARACTERS_MAX
    return text[1:-1] if is_name else ""


def supports(request: Request, extension: str) -> bool:
    """What cannot be read is supported by nobody."""
    try:
        return extension in (*request.headers.all(SUPPORTED), *request.headers.all(REQUIRE))
    except Malformed:
        return False


def keeps_flow(request: Request) -> bool:
    """Whether whoever stands before the telephone can find it again by its flow."""
    try:
        paths = request.headers.values("Path")
        if not paths:
            return len(request.headers.values("Via")) == 1
        edge = NameAddr.parse(paths[-1])  # each puts its own on top: the last stands next to the telephone
    except Malformed:
        return False
    return any(name == "ob" for name, _ in edge.uri.parameters)
