"""What a server holds on to: told by itself (calls, streams, tasks) and by the kernel (descriptors, ports, memory).

The server's own figures come over its control socket; the task that tells them is one of those it counts, in every
account alike. Ports are seen from outside: UDP sockets of the process within the range of its settings.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from mediasrv.bench.instruments.process_meter import memory_bytes
from mediasrv.bench.instruments.server_process import ServerProcess
from mediasrv.config import MediaSettings, PortRange

RTP_PORTS = MediaSettings().rtp_ports
"""Of a server that was told nothing else; below those that the system gives away, which its other sockets have."""
_LOCAL_ADDRESS, _INODE = 1, 9  # columns of /proc/net/udp


@dataclass(frozen=True, slots=True)
class Holdings:
    calls: int
    dialogs: int
    streams: int
    transactions: int
    tasks: int
    ports: int
    descriptors: int
    threads: int
    memory_bytes: int

    @classmethod
    async def of(cls, server: ServerProcess) -> Holdings:
        told = await server.ask({"do": "statistics"})
        return cls(
            calls=told["live_calls"],
            dialogs=told["live_dialogs"],
            streams=told["live_streams"],
            transactions=told["transactions"],
            tasks=told["tasks"],
            ports=len(open_ports(server.pid, RTP_PORTS)),
            descriptors=count(server.pid, "fd"),
            threads=count(server.pid, "task"),
            memory_bytes=memory_bytes(server.pid),
        )

    def beyond(self, before: Holdings) -> dict[str, int]:
        """How much more than before; below zero it is less."""
        now, then = asdict(self), asdict(before)
        return {name: now[name] - then[name] for name in now}


def count(pid: int, what: str) -> int:
    """Of what the kernel lists of a process."""
    return len(list(Path(f"/proc/{pid}/{what}").iterdir()))


def left_over(grown: dict[str, int]) -> dict[str, int]:
    """What was not given back; memory apart, which an allocator may keep for the next call."""
    return {name: more for name, more in grown.items() if more > 0 and name != "memory_bytes"}


def open_ports(pid: int, within: PortRange) -> set[int]:
    """UDP ports of a process."""
    sockets = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            sockets.add(str(descriptor.readlink()))
        except FileNotFoundError:
            continue  # closed since it was listed
    found = set()
    for table in ("udp", "udp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            port = int(fields[_LOCAL_ADDRESS].rpartition(":")[2], 16)
            if f"socket:[{fields[_INODE]}]" in sockets and within.first <= port <= within.last:
                found.add(port)
    return found
