"""What `serve` says on a terminal when it takes calls: where, which numbers, and the passwords that are shown once."""

from __future__ import annotations

from collections.abc import Iterator

from mediasrv.cli.output import print_json
from mediasrv.config import HostPort, Settings
from mediasrv.server import Ready

AGENTS = {
    "echo": "gives your own voice back",
    "tone": "a steady tone",
    "menu": "is led by keys: 1 is music, 9 ends the call",
    "scripted": "talks and can be interrupted, but understands no words",
    "demo": "a hotel's telephone: ask when breakfast is, interrupt it, book a table",
}  # those built in; any other is only named


def announce_as_json(ready: Ready) -> None:
    """A line for what waits for us in a pipe, and at the first start another."""
    sip = str(HostPort(*ready.sip))
    print_json({"event": "ready", "sip": sip, "rtp": f"{ready.rtp_host}:{ready.rtp_ports}", "pid": ready.pid})
    if ready.new_users:
        print_json(
            {
                "event": "new_users",
                "registrar": sip,
                "users": [{"name": user.name, "password": user.password} for user in ready.new_users],
                "note": "not shown again; `mediasrv users password NAME` makes another",
            }
        )


def welcome(ready: Ready, settings: Settings) -> str:
    return "\n".join(_lines(ready, settings))


def _lines(ready: Ready, settings: Settings) -> Iterator[str]:
    sip = HostPort(*ready.sip)
    yield f"mediasrv takes calls at {sip}; sound on UDP ports {ready.rtp_ports}. Ctrl-C ends it."
    yield ""
    agents = settings.agents
    numbers = [*agents.numbers.items(), *([("any other", agents.default)] if agents.default else [])]
    if not agents.numbers and agents.default:
        numbers = [("any number", agents.default)]
    width = max((len(number) for number, _ in numbers), default=0)
    for number, agent in numbers:
        yield f"  {number:<{width}}  {agent:<8}  {AGENTS.get(agent, '')}".rstrip()
    if ready.new_users:
        yield ""
        yield "Telephones may register; these passwords are shown once (`mediasrv users password NAME`: another):"
        yield ""
        for user in ready.new_users:
            yield f"  {user.name}  {user.password}"
    yield ""
