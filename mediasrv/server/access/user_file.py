"""The users on disk: `users.json` in the data directory, which only its owner may read.

A change is written beside the file and put in its place, under a lock of the directory: two that come at once follow
each other, and who reads sees one or the other. A running server looks once a second whether the file is another one.
If it can no longer be read then, the users stay who they were: a slip of an editor must not turn everybody away.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
import trio

from mediasrv.errors import ConfigError
from mediasrv.ids import TokenSource
from mediasrv.server.access.users import USERS_MAX, NewUser, User, Users, WrongUser, drawn_password

FILE = "users.json"
OWNER_ONLY = 0o600
LOOKED_AT_EVERY_S = 1.0

_log = logging.getLogger(__name__)


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    realm: str
    users: list[User]


class UserFile:
    """Of one data directory and realm. What is wrong with it raises ConfigError."""

    def __init__(self, directory: Path, realm: str) -> None:
        self._directory, self._realm = directory, realm
        self._path = directory / FILE

    def read(self) -> list[User]:
        """None are there before the first start."""
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._wrong(f"cannot be read: {error.strerror}") from error
        try:
            table = msgspec.json.decode(data, type=_Table)
        except msgspec.MsgspecError as error:
            raise self._wrong(f"is damaged: {error}") from error
        if table.realm != self._realm:
            problem = (
                f"the passwords in {self._path} are for the realm {table.realm!r}, and open nothing here"
            )
            raise ConfigError("sip.realm", problem, value=self._realm)
        return table.users

    def begin(self, names: Sequence[str], tokens: TokenSource) -> list[NewUser]:
        """At the first start: users with passwords of their own, which are told this once; else nobody."""
        with self._locked():
            if self._path.exists():
                return []
            new = [NewUser(name, drawn_password(tokens)) for name in names]
            self._write([User.made(each.name, self._realm, each.password) for each in new])
            return new

    def add(self, user: User) -> None:
        with self._locked():
            users = self.read()
            if any(each.name == user.name for each in users):
                raise WrongUser(f"there is a user {user.name} already")
            if len(users) >= USERS_MAX:
                raise WrongUser(f"there are {USERS_MAX} users, and may not be more")
            self._write([*users, user])

    def change_password(self, name: str, password: str) -> None:
        """Everything else about the user stays."""
        with self._locked():
            users = {each.name: each for each in self.read()}
            if name not in users:
                raise _nobody(name)
            users[name] = User.made(name, self._realm, password, users[name].trunk)
            self._write(list(users.values()))

    def remove(self, name: str) -> None:
        with self._locked():
            users = self.read()
            kept = [each for each in users if each.name != name]
            if len(kept) == len(users):
                raise _nobody(name)
            self._write(kept)

    async def follow(
        self, users: Users, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Keeps `users` as the file has them."""
        seen = self._identity()
        task_status.started()
        while True:
            await trio.sleep(LOOKED_AT_EVERY_S)
            if (now := self._identity()) == seen:
                continue
            seen = now
            try:
                users.replace(self.read())
            except ConfigError as error:
                _log.warning("users stay as they were", extra={"why": str(error)})
            else:
                _log.info("users have changed", extra={"users": len(users)})

    def _identity(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            opened = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise self._wrong(f"cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(opened, fcntl.LOCK_EX)
            yield
        finally:
            os.close(opened)

    def _write(self, users: Sequence[User]) -> None:
        data = msgspec.json.format(msgspec.json.encode(_Table(self._realm, list(users))))
        beside = self._path.with_suffix(".new")
        try:
            beside.unlink(missing_ok=True)  # left by one that was killed, perhaps with other rights
            opened = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, OWNER_ONLY)
            with os.fdopen(opened, "wb") as file:
                file.write(data + b"\n")
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)
        except OSError as error:
            raise self._wrong(f"cannot be written: {error.strerror}") from error

    def _wrong(self, problem: str) -> ConfigError:
        return ConfigError(str(self._path), problem)


def _nobody(name: str) -> WrongUser:
    return WrongUser(f"there is no user {name}")
