"""Whom a call may dial at our cost: targets as a menu's author writes them, against one trunk's rules."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from mediasrv.config import Settings, TrunkSettings
from mediasrv.ids import CallId
from mediasrv.legs import CallInfo
from mediasrv.server.dialling import Dialling
from tests.fakes.clock import TrioClock


class Calendar(TrioClock):
    day = 1

    def wall(self) -> datetime:
        return datetime(2026, 1, self.day, tzinfo=UTC)


TRUNKS = {
    "t": TrunkSettings(
        country_code="44",
        dial_allow=("+44", "+1"),
        dial_deny=("+44845",),
        dial_calls_a_day=3,
        dial_minutes_a_day=10,
        extensions=("1XX", "*98", "112"),
    ),
    "closed": TrunkSettings(),
}


def info(trunk: str = "t") -> CallInfo:
    return CallInfo(CallId("c"), "100", "200", trunk)


TARGETS = [
    ("+442079460018", ""),
    ("020 7946 0018", ""),
    ("tel:+44-20-7946-0018", ""),
    ("sip:+442079460018@carrier.example;user=phone", ""),
    ("SIPS:+442079460018@carrier.example", ""),
    ("100", ""),
    ("sip:199@carrier.example", ""),
    ("*98", ""),
    ("112", ""),
    ("200", "not_a_number"),
    ("118118", "not_a_number"),
    ("sip:118118@carrier.example", "not_a_number"),
    ("tel:118118", "not_a_number"),
    ("1000", "not_a_number"),
    ("0", "not_a_number"),
    ("*72", "not_a_number"),
    ("*67+442079460018", "not_a_number"),
    ("reception", ""),
    ("sip:anna@example.com", ""),
    ("sip:192.0.2.1", ""),
    ("+448450000000", "denied"),
    ("08450000000", "denied"),
    ("sip:+448450000000@carrier.example", "denied"),
    ("sip:%2B448450000000@carrier.example", "denied"),
    ("tel:+19005550100", "premium"),
    ("+18765550100", "premium"),
    ("+4930123456", "not_allowed"),
    ("004930123456", "not_allowed"),
    ("2079460018", "not_a_number"),
    ("+", "not_a_number"),
    ("+44x", "not_a_number"),
    ("sip:a b@c", "not a URI"),
]


@pytest.mark.parametrize(("target", "problem"), TARGETS)
def test_what_might_be_a_public_number_must_be_whole_and_allowed(target: str, problem: str) -> None:
    why_not = Dialling(Settings(trunks=TRUNKS), Calendar()).why_not(info(), target)
    assert problem in why_not
    assert bool(why_not) == bool(problem)


@pytest.mark.parametrize(
    "user",
    [
        "118118%23",
        "118118x",
        "%23118118",
        "118%2C",
        "1-0-0x",
        "%E2%91%A0%E2%91%A0%E2%91%A1",  # digits in circles
        "%EF%BC%91%EF%BC%90%EF%BC%90",  # 100, of full width: the extension is ASCII
        "0019005550100%23",  # ends dialling, for many a switch
        "%2A670019005550100",
        "0019005550100%2C",
        "0019005550100x",
        "1900/555/0100",
        "9%2C0019005550100",
        "0019005550100%00",
        "0019005550100%E2%80%8B",  # a space of no width
        "%E2%80%8B%2B19005550100",
        "%EF%BC%91%EF%BC%99%EF%BC%90%EF%BC%90%EF%BC%95%EF%BC%95%EF%BC%95%EF%BC%90",  # digits of full width
    ],
)
def test_a_number_in_disguise_is_not_dialled(user: str) -> None:
    assert Dialling(Settings(trunks=TRUNKS), Calendar()).why_not(info(), f"sip:{user}@carrier.example")


@pytest.mark.parametrize("name", ["anna1234567", "room-12", "2nd.floor", "-"])
def test_a_name_with_figures_in_it_is_a_name(name: str) -> None:
    assert Dialling(Settings(trunks=TRUNKS), Calendar()).why_not(info("closed"), name) == ""


def test_a_trunk_without_rules_dials_nothing_public() -> None:
    dialling = Dialling(Settings(trunks=TRUNKS), Calendar())
    assert "not_allowed" in dialling.why_not(info("closed"), "+442079460018")
    assert "none of its extensions" in dialling.why_not(info("closed"), "100")


def test_a_number_of_a_user_s_own_telephones_needs_no_rule_but_a_public_one_does() -> None:
    dialling = Dialling(Settings(trunks=TRUNKS), Calendar())
    assert dialling.why_forbidden(info("closed"), "1000", at_home=True) == ""
    assert dialling.why_forbidden(info("closed"), "+4930123456", at_home=True)


def test_a_day_s_calls_are_used_up_and_come_back_the_next_day() -> None:
    clock = Calendar()
    dialling = Dialling(Settings(trunks=TRUNKS), clock)
    assert [dialling.why_not(info(), "+442079460018") for _ in range(3)] == ["", "", ""]
    assert "used up" in dialling.why_not(info(), "+442079460018")
    clock.day = 2
    assert dialling.why_not(info(), "+442079460018") == ""


def test_where_no_minute_is_left_nothing_more_is_dialled() -> None:
    dialling = Dialling(Settings(trunks=TRUNKS), Calendar())
    assert all(dialling.day_of(info()).take_minute(dialling.wall_s()) for _ in range(10))
    assert "used up" in dialling.why_not(info(), "+442079460018")


def test_what_is_refused_is_not_counted() -> None:
    dialling = Dialling(Settings(trunks=TRUNKS), Calendar())
    for _ in range(10):
        assert dialling.why_not(info(), "+4930123456")
    assert dialling.why_not(info(), "+442079460018") == ""


@pytest.mark.parametrize(
    ("target", "followed"),
    [
        ("sip:bea@192.0.2.1", True),
        ("sip:bea@192.0.2.1:5099", True),
        ("sip:bea@carrier.example", True),
        ("sip:bea@CARRIER.example;transport=tcp", True),
        ("sip:200@127.0.0.1", True),
        ("tel:+442079460018", True),
        ("sip:bea@192.0.2.2", False),
        ("sip:bea@evil.example", False),
        ("sip:carrier.example@evil.example", False),
        ("bea", False),
        ("sip:", False),
    ],
)
def test_a_peer_has_us_call_only_where_we_have_to_do_with(target: str, followed: bool) -> None:
    trunks = {"t": TrunkSettings(hosts=("carrier.example:5061",))}
    caller = CallInfo(CallId("c"), "100", "200", "t", remote="192.0.2.1:5060")
    problem = Dialling(Settings(trunks=trunks), TrioClock()).why_not_follow(caller, target)
    assert bool(problem) is not followed


@pytest.mark.parametrize(
    ("target", "followed"),
    [
        ("sip:bea@[2001:db8::7]", True),
        ("sip:bea@[2001:DB8::8]:5061", True),
        ("sip:bea@[2001:db8::2:1]", True),
        ("sip:bea@[2001:db8::9]", False),
    ],
)
def test_the_same_where_addresses_are_of_ipv6(target: str, followed: bool) -> None:
    settings = Settings(trunks={"t": TrunkSettings(hosts=("[2001:db8::8]:5061",))})
    caller = CallInfo(CallId("c"), "100", "200", "t", remote="2001:db8::7:5060")
    dialling = Dialling(settings, TrioClock(), lambda peer: "2001:db8::2:1")
    assert bool(dialling.why_not_follow(caller, target)) is not followed
