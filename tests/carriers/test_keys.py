"""Keys of ours towards carriers: as events where both know them, else in the way that the carrier's profile names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from tests.carriers.carrier import Manner, PlacedCall, carrier_at
from tests.carriers.test_incoming import trunk
from tests.server.house import House, running

KEYS = "A5#"
MENUS = f"""
[menus.main]
first_key_ms = 60000
[menus.main.keys]
1 = [{{ do = "send_dtmf", keys = "{KEYS}" }}, {{ do = "wait", for_s = 5 }}, {{ do = "hang_up" }}]
"""
EVENTS = 101


def without_events(manner: Manner) -> Manner:
    """A gateway that knows no telephone events."""
    lines = [line for line in manner.sdp.split("\n") if f":{EVENTS}" not in line]
    return replace(manner, sdp=re.sub(rf"(m=audio .*) {EVENTS}", r"\1", "\n".join(lines)))


async def pressed(call: PlacedCall) -> Sequence[str]:
    """What came in INFO, once the menu has pressed its keys."""
    await call.final()
    await trio.sleep(1)
    await call.ask("INFO", body="Signal=1\nDuration=160\n", content_type="application/dtmf-relay")
    await trio.sleep(3)
    return [message.body for message in call.carrier.asked("INFO")]


def sent_types(house: House, manner: Manner) -> set[int]:
    """The payload types of what the carrier was sent."""
    return {packet.data[1] & 0x7F for packet in house.sent if packet.to[1] == manner.media_port}


@pytest.mark.parametrize(
    ("events", "dtmf", "in_info", "as_events"),
    [
        (True, ["rfc4733", "info", "inband"], False, True),  # as Telnyx's profile has it
        (False, ["rfc4733", "info", "inband"], True, False),
        (True, ["info", "rfc4733"], True, False),
        (True, ["info"], True, False),
        (False, ["rfc4733"], False, False),  # nothing is left but tones
        (True, ["inband"], False, False),  # no events are agreed on, or there would be no tones
        (False, ["inband", "info"], False, False),
    ],
)
async def test_keys_leave_in_the_first_way_that_there_is(
    autojump_clock, tmp_path: Path, events: bool, dtmf: list[str], in_info: bool, as_events: bool
) -> None:
    menus = tmp_path / "menus.toml"
    menus.write_text(MENUS)
    manner = Manner.read("telnyx")
    if not events:
        manner = without_events(manner)
    settings = {
        **trunk(manner, numbers={manner.number: "menu"}, dtmf=dtmf), "MEDIASRV_AGENTS__MENU": str(menus),
    }  # fmt: skip
    async with running(settings) as house, carrier_at(house.network, manner) as carrier:
        call = carrier.place()
        told = await pressed(call)
        assert told == ([f"Signal={key}\r\nDuration=160\r\n" for key in KEYS] if in_info else [])
        assert (EVENTS in sent_types(house, manner)) is as_events
        assert call.answer is not None
        agreed_on_events = "telephone-event" in call.answer.body
        assert agreed_on_events is (events and "rfc4733" in dtmf)
        assert (await call.ask("BYE")).status == 200
