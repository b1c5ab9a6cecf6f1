"""Our own users: who has a password here, and which trunk's rules their calls are under.

A password is never kept, only its HA1 in each algorithm (RFC 7616 section 3.4.2): enough to check an answer, and of no
use in another realm. That is also why the realm stands beside them: in another one they would open nothing, and it
is better to say so at the start than to refuse everybody.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from msgspec import Struct

from mediasrv.config import USERS_TRUNK
from mediasrv.errors import LocalError
from mediasrv.ids import TokenSource
from mediasrv.sip import Algorithm
from mediasrv.sip.auth.digest import ha1

USERS_MAX = 10_000
PASSWORD_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # 32 that nobody confuses: five bits each
PASSWORD_LENGTH = 16
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")


class WrongUser(LocalError):
    """There is no such user, or there is one already, or nobody can be called that."""


class User(Struct, frozen=True, forbid_unknown_fields=True):
    """`sha256` and `md5` are HA1s."""

    name: str
    sha256: str
    md5: str
    trunk: str = USERS_TRUNK

    @classmethod
    def made(cls, name: str, realm: str, password: str, trunk: str = USERS_TRUNK) -> User:
        if _NAME.fullmatch(name) is None:
            raise WrongUser(f"{name!r} is no name: letters, digits and . _ + -, 64 at most")
        if not password:
            raise WrongUser("an empty password is none")
        secrets = {each: ha1(each, name, realm, password) for each in Algorithm}
        return cls(name, secrets[Algorithm.SHA_256], secrets[Algorithm.MD5], trunk)


@dataclass(frozen=True, slots=True)
class NewUser:
    """The one time that a password is seen."""

    name: str
    password: str = field(repr=False)


def drawn_password(tokens: TokenSource) -> str:
    return "".join(PASSWORD_LETTERS[tokens.number(5)] for _ in range(PASSWORD_LENGTH))


class Users:
    """What the digest is checked with; `replace` puts others in their place, between two requests."""

    def __init__(self, realm: str, users: Iterable[User] = ()) -> None:
        self.realm = realm
        self._by_name: dict[str, User] = {}
        self.replace(users)

    def __len__(self) -> int:
        return len(self._by_name)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def all(self) -> list[User]:
        return [self._by_name[name] for name in sorted(self._by_name)]

    def replace(self, users: Iterable[User]) -> None:
        self._by_name = {user.name: user for user in users}

    def ha1(self, username: str, realm: str, algorithm: Algorithm) -> str | None:
        user = self._by_name.get(username)
        if user is None or realm != self.realm:
            return None
        return user.sha256 if algorithm is Algorithm.SHA_256 else user.md5

    def trunk_of(self, username: str) -> str | None:
        user = self._by_name.get(username)
        return None if user is None else user.trunk
