"""Who is let in on what proof: the policy that the guard of SIP carries out, and whose call it then is.

    source                                     INVITE              REGISTER
    on the list of a trunk (`address`)         welcome             a user's password
    shows a certificate of a trunk's (`tls`)   welcome             a user's password
    anybody else, when there are users         a user's password   a user's password
    anybody else                               forbidden           forbidden

Whoever is asked for a password gets the same question, whether there is such a user or not, and whether the trunk that
his calls would belong to takes passwords or not: that is told only to who has answered it. An address may be a whole
telephone system's, so it never speaks for one user, and nobody is registered without his own password.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from mediasrv.config import USERS_TRUNK, Settings
from mediasrv.server.access.users import Users
from mediasrv.sip import Address, Admission, Hop, Request

Certified = Callable[[Hop], Collection[str]]


def nobody_is_certified(peer: Hop) -> Collection[str]:
    return ()


class Door:
    def __init__(self, settings: Settings, users: Users, certified: Certified = nobody_is_certified) -> None:
        """`certified`: the names that a connection's peer has proven with a certificate."""
        self._settings, self._users, self._certified = settings, users, certified

    def policy(self, request: Request, source: Address) -> Admission:
        if request.method != "REGISTER" and self._trunk_at(source) is not None:
            return Admission.WELCOME
        return Admission.CHALLENGE if self._users else Admission.FORBID

    def hears(self, source: Address) -> bool:
        """Whether anything that comes from there can ever get in."""
        return bool(self._users) or self._trunk_at(source) is not None

    def trunk_of(self, source: Address, username: str) -> str | None:
        """Whose call it is, once its sender has proven what `policy` asked for; None: nobody's, after all."""
        if not username:
            return self._trunk_at(source)
        name = self._users.trunk_of(username)
        if name == USERS_TRUNK or name is None:
            return name
        trunk = self._settings.trunks.get(name)
        return name if trunk is not None and "digest" in trunk.authentication else None

    def _trunk_at(self, source: Address) -> str | None:
        by_address = self._settings.trunk_of(source[0])
        if by_address is not None or not isinstance(source, Hop):
            return by_address
        names = {name.lower() for name in self._certified(source)}
        for name, trunk in self._settings.trunks.items():
            if "tls" in trunk.authentication and names.intersection(trunk.certified_names):
                return name
        return None
