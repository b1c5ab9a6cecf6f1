"""How each trunk stands just now, put together for people from its settings and what the server has counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mediasrv.config import Settings


def standings(settings: Settings, statistics: Mapping[str, Any]) -> list[dict[str, object]]:
    """One for each trunk; `hosts`: those that are asked whether they live, by their addresses.

    `registration`: in a word; empty where there is none."""
    return [
        {
            "trunk": name,
            "profile": trunk.profile,
            "published": trunk.published,
            "registration": statistics["registrations"].get(name, ""),
            "places": list(trunk.hosts),
            "hosts": [
                {"host": host["host"], "alive": host["alive"], "since_s": host["since_s"]}
                for host in statistics["hosts"]
                if host["trunk"] == name
            ],
        }
        for name, trunk in settings.trunks.items()
    ]
