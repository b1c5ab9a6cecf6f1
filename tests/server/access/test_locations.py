"""Where users can be reached, as a whole server knows it."""

from __future__ import annotations

import trio

from mediasrv.server.locations import Location
from mediasrv.sip import Uri
from tests.server.access.phones import AWAY, Phone, users
from tests.server.departing import carrier, depart
from tests.server.house import House, running


def places(house: House, name: str = "1000") -> list[Location]:
    assert house.server.locations is not None
    return house.server.locations.of(name)


async def test_a_registered_user_is_reached_where_the_register_came_from(autojump_clock) -> None:
    async with running(users=users()) as house:
        phone = await Phone.at(house.network)
        contact = ("Contact", "<sip:1000@10.0.0.7:5060;ob>;expires=600")
        request = phone.request("REGISTER", "sip:127.0.0.1", ("Path", "<sip:edge.example;lr>"))
        inside = request.headers.without("Contact").plus(contact)
        request = type(request)(request.method, request.uri, inside)
        assert (await phone.ask(phone.answered(request, await phone.ask(request)))).status == 200
        expected = Uri.parse("sip:1000@10.0.0.7:5060;ob")
        assert places(house) == [Location(expected, (AWAY, 5070), ("<sip:edge.example;lr>",))]
        assert places(house, "1001") == []
        assert places(house, "nobody") == []


async def test_a_registration_that_runs_out_or_is_taken_back_leaves_no_place(autojump_clock) -> None:
    async with running(users=users()) as house:
        phone = await Phone.at(house.network)
        await phone.register(("Expires", "60"))
        await trio.sleep(59)
        assert len(places(house)) == 1
        await trio.sleep(2)
        assert places(house) == []
        await phone.register()
        assert len(places(house)) == 1
        await phone.register(("Expires", "0"))
        assert places(house) == []


async def test_a_user_who_is_removed_is_nowhere(autojump_clock) -> None:
    known = users()
    async with running(users=known) as house:
        await (await Phone.at(house.network)).register()
        assert len(places(house)) == 1
        known.replace([])
        assert places(house) == []


async def test_names_of_ours_are_one_domain_and_others_are_none_of_ours(autojump_clock) -> None:
    async with running({"MEDIASRV_SIP__DOMAINS": "pbx.example"}, users=users()) as house:
        phone = await Phone.at(house.network)
        for domain, status in (("pbx.example", 200), ("elsewhere.example", 404)):
            request = phone.request("REGISTER", f"sip:{domain}")
            named = request.headers.without("To").plus(("To", f"<sip:1000@{domain}>"))
            request = type(request)(request.method, request.uri, named)
            assert (await phone.ask(phone.answered(request, await phone.ask(request)))).status == status
        assert len(places(house)) == 1


async def test_a_user_who_is_dialled_rings_where_the_telephone_registered(autojump_clock) -> None:
    """Not where its contact says: that is an address behind its NAT."""
    async with running(carrier(), users=users()) as house:
        phone = await Phone.at(house.network)
        request = phone.request("REGISTER", "sip:127.0.0.1")
        contact = ("Contact", "<sip:1000@10.0.0.7:5060;ob>;expires=600")
        inside = request.headers.without("Contact").plus(contact)
        request = type(request)(request.method, request.uri, inside)
        assert (await phone.ask(phone.answered(request, await phone.ask(request)))).status == 200
        await depart(house, "1000")
        sent = [(to, data.split(b"\r\n")[0]) for _, to, data in house.network.wire if data[:6] == b"INVITE"]
        assert sent == [((AWAY, 5070), b"INVITE sip:1000@10.0.0.7:5060;ob SIP/2.0")]
