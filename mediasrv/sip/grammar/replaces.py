"""Replaces (RFC 3891): an INVITE that takes the place of another call, and the REFER that makes somebody send one.

The tags are named as the receiver of the INVITE sees them: `to_tag` is the receiver's own. So whoever sends a REFER
names *its* peer's tag as the to-tag, because it is that peer's counterpart who will be asked to let go.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import quote as percent_encode
from urllib.parse import unquote as percent_decode

from mediasrv.sip.errors import Malformed
from mediasrv.sip.grammar.fields import NameAddr
from mediasrv.sip.grammar.headers import Field
from mediasrv.sip.grammar.message import DialogKey
from mediasrv.sip.grammar.syntax import is_token, parameter, parse_parameters
from mediasrv.sip.grammar.uri import Uri


@dataclass(frozen=True, slots=True)
class Replaces:
    """Which dialog is to go; `early_only`: only if nobody has answered it."""

    call_id: str
    to_tag: str
    from_tag: str
    early_only: bool = False

    @classmethod
    def parse(cls, text: str) -> Replaces:
        call_id, _, rest = text.partition(";")
        call_id = call_id.strip()
        parameters = parse_parameters(rest)
        to_tag, from_tag = parameter(parameters, "to-tag"), parameter(parameters, "from-tag")
        if not call_id or any(character.isspace() for character in call_id):
            raise Malformed("bad Call-ID in Replaces")
        if not to_tag or not from_tag or not is_token(to_tag) or not is_token(from_tag):
            raise Malformed("Replaces without both tags")
        return cls(call_id, to_tag, from_tag, parameter(parameters, "early-only") is not None)

    def __str__(self) -> str:
        early = ";early-only" if self.early_only else ""
        return f"{self.call_id};to-tag={self.to_tag};from-tag={self.from_tag}{early}"

    @property
    def dialog_key(self) -> DialogKey:
        """The dialog as the one who is asked to replace it knows it."""
        return self.call_id, self.to_tag, self.from_tag


REPLACES = Field("Replaces", Replaces.parse)


def refer_to(target: Uri, replaces: Replaces | None) -> NameAddr:
    """The Refer-To of a transfer: blind, or to somebody who is being spoken with already."""
    if replaces is None:
        return NameAddr(target)
    return NameAddr(replace(target, headers=f"Replaces={percent_encode(str(replaces), safe='')}"))


def read_refer_to(text: str) -> tuple[Uri, Replaces | None]:
    """Whom to call, and in place of which call; other headers that the URI would have us send are not taken over.

    RFC 3261 section 19.1.5 warns of them: a stranger would write our requests.
    """
    uri = NameAddr.parse(text).uri
    replaces = None
    for piece in uri.headers.split("&"):
        name, _, value = piece.partition("=")
        if percent_decode(name).strip().lower() == "replaces":
            if replaces is not None:
                raise Malformed("more than one Replaces in Refer-To")
            replaces = Replaces.parse(percent_decode(value))
    return replace(uri, headers=""), replaces
