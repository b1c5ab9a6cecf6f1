"""Who calls, as the network vouches for it, what of it is to stay hidden, and what the peers tell each other.

P-Asserted-Identity (RFC 3325) is worth what the hop that sent it is worth: whether it is believed is for the room
that knows the trunk. Privacy (RFC 3323) is a demand on whoever passes the name on. User-to-User (RFC 7433) and the
headers that begin with X- are words between the ends, which we hand up and down unread.

Of a call that was sent on before it came to us, Diversion (RFC 5806) and History-Info (RFC 7044) say whom it was for
first. They are worth as much.
"""

from __future__ import annotations

from dataclasses import dataclass

from mediasrv.sip.errors import Malformed
from mediasrv.sip.grammar.fields import MAX_FORWARDS, NameAddr
from mediasrv.sip.grammar.headers import Headers
from mediasrv.sip.grammar.syntax import is_token, parameter, parse_parameters, split
from mediasrv.sip.grammar.uri import Uri

ANONYMOUS = NameAddr(Uri.parse("sip:anonymous@anonymous.invalid"), "Anonymous")  # RFC 3323 section 4.1.1.3
USUAL_HOPS = 70
IDENTITIES_MAX = 2  # RFC 3325 section 9.1: one sip or sips URI, one tel URI
EXTENSION_LINES_MAX = 64  # X- headers handed up from one message


@dataclass(frozen=True, slots=True)
class UserToUser:
    """`content` as it stands, quotes taken off; `encoding` is "hex" unless said otherwise."""

    content: str
    encoding: str = "hex"
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Party:
    """What the headers of a message say about its sender; a header that cannot be read says nothing."""

    asserted: tuple[NameAddr, ...] = ()
    privacy: frozenset[str] = frozenset()
    user_to_user: tuple[UserToUser, ...] = ()
    extensions: tuple[tuple[str, str], ...] = ()  # X- headers, in order, spelled as they came
    hops_left: int = USUAL_HOPS  # Max-Forwards: a call that goes on from here may go no further than that

    @classmethod
    def of(cls, headers: Headers) -> Party:
        lines = [(name, value) for name, value in headers if name[:2].lower() == "x-" and len(name) > 2]
        hops = headers.get(MAX_FORWARDS)
        return cls(
            _asserted(headers),
            frozenset(_privacy(headers)),
            tuple(_user_to_user(headers)),
            tuple(lines[:EXTENSION_LINES_MAX]),
            USUAL_HOPS if hops is None else hops,
        )

    @property
    def hides_identity(self) -> bool:
        """RFC 3325 section 9.3: the asserted name goes to no one who is not trusted."""
        return "id" in self.privacy or "user" in self.privacy


def first_diverted_from(headers: Headers) -> Uri | None:
    """Whom the caller had dialled, by Diversion: the latest stands first, the earliest last (RFC 5806 section 4)."""
    return _one_of(headers, "Diversion", -1)


def first_in_history(headers: Headers) -> Uri | None:
    """The same by History-Info, whose entries stand in the order of what happened (RFC 7044 section 5)."""
    return _one_of(headers, "History-Info", 0)


def _one_of(headers: Headers, name: str, which: int) -> Uri | None:
    try:
        values = headers.values(name)
        return NameAddr.parse(values[which]).uri if values else None
    except Malformed:
        return None


def identity_lines(
    asserted: tuple[NameAddr, ...] = (), privacy: frozenset[str] = frozenset()
) -> list[tuple[str, str]]:
    """For a request or response of ours, towards a peer that trusts us."""
    lines = [("P-Asserted-Identity", str(each)) for each in asserted]
    if privacy:
        lines.append(("Privacy", ";".join(sorted(privacy))))
    return lines


def user_to_user_line(said: UserToUser) -> tuple[str, str]:
    purpose = f";purpose={said.purpose}" if said.purpose else ""
    return "User-to-User", f"{said.content};encoding={said.encoding}{purpose}"


def _asserted(headers: Headers) -> tuple[NameAddr, ...]:
    try:
        values = headers.values("P-Asserted-Identity")
        return tuple(NameAddr.parse(value) for value in values[:IDENTITIES_MAX])
    except Malformed:
        return ()


def _privacy(headers: Headers) -> list[str]:
    values = (value for line in headers.texts("Privacy") for value in line.replace(",", ";").split(";"))
    return [value.strip().lower() for value in values if is_token(value.strip())]


def _user_to_user(headers: Headers) -> list[UserToUser]:
    said = []
    for line in headers.texts("User-to-User"):
        try:
            for value in split(line, ","):
                content, _, rest = value.partition(";")
                parameters = parse_parameters(rest)
                encoding, purpose = parameter(parameters, "encoding"), parameter(parameters, "purpose")
                said.append(UserToUser(content.strip().strip('"'), encoding or "hex", purpose or ""))
        except Malformed:
            continue
    return said
