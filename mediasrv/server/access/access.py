"""What stands at the door of one server, put together: its users, who must prove what, and where they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from mediasrv.clock import Clock
from mediasrv.config import Settings
from mediasrv.ids import TokenSource
from mediasrv.server.access.door import Certified, Door
from mediasrv.server.access.user_file import UserFile
from mediasrv.server.access.users import NewUser, Users
from mediasrv.server.locations import Locations
from mediasrv.sip import Algorithm, Authenticator, Guard, Registrar
from mediasrv.sip.auth.bindings import Lifetimes
from mediasrv.sip.grammar.uri import bracketed


class Access:
    def __init__(
        self,
        settings: Settings,
        users: Users,
        clock: Clock,
        tokens: TokenSource,
        *,
        hosts: tuple[str, ...],
        certified: Certified,
    ) -> None:
        """`hosts`: the addresses by which we are called."""
        sip, wanted = settings.sip, settings.users
        self.door = Door(settings, users, certified)
        algorithms = [Algorithm(name) for name in dict.fromkeys(sip.digest)]
        authenticator = Authenticator(sip.realm, users, tokens, algorithms=algorithms)
        self.guard = Guard(self.door.policy, authenticator)
        domains = domains_of(settings, hosts)
        lifetimes = Lifetimes(wanted.shortest_s, wanted.longest_s, wanted.longest_s)
        self.registrar = Registrar(domains, lifetimes=lifetimes)
        self.locations = Locations(self.registrar, domains, users, clock.now)

    def counts(self) -> dict[str, dict[str, int]]:
        """What became of the passwords that were asked for."""
        return {"sip_digest": dict(self.guard.counts)} if self.guard.counts else {}


def domains_of(settings: Settings, hosts: tuple[str, ...]) -> list[str]:
    """What may stand behind the @ of a user of ours, as a URI writes it."""
    return list(dict.fromkeys(name.lower() for name in (*map(bracketed, hosts), *settings.sip.domains)))


@asynccontextmanager
async def users_on_disk(
    settings: Settings, tokens: TokenSource
) -> AsyncIterator[tuple[Users, tuple[NewUser, ...]]]:
    """Those of the data directory, for as long as the block, kept as the file has them; and who was new."""
    file = UserFile(Path(settings.server.data_dir), settings.sip.realm)
    new = tuple(file.begin(settings.users.first, tokens))
    users = Users(settings.sip.realm, file.read())
    async with trio.open_nursery() as nursery:
        await nursery.start(file.follow, users)
        yield users, new
        nursery.cancel_scope.cancel()
