"""RFC 3263's choices, without anybody to ask: which questions, and in which order the answers are taken."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.endpoints.resolution import Naptr, Srv
from mediasrv.endpoints.resolution.selection import in_order, naptr_questions, srv_questions
from mediasrv.ids import SeededTokens
from mediasrv.sip import Uri

ALL = ("UDP", "TCP", "TLS")
# RFC 3263 section 4.1, the example.
EXAMPLE = [
    Naptr(50, 50, "s", "SIPS+D2T", "_sips._tcp.example.com"),
    Naptr(90, 50, "s", "SIP+D2T", "_sip._tcp.example.com"),
    Naptr(100, 50, "s", "SIP+D2U", "_sip._udp.example.com"),
]


def names(questions: object) -> list[tuple[str, str]]:
    return [(question.transport, question.name) for question in questions]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("uri", "spoken", "asked"),
    [
        (
            "sip:example.com",
            ALL,
            [
                ("UDP", "_sip._udp.example.com"),
                ("TCP", "_sip._tcp.example.com"),
                ("TLS", "_sips._tcp.example.com"),
            ],
        ),
        ("sip:example.com", ("UDP",), [("UDP", "_sip._udp.example.com")]),
        ("sip:example.com;transport=tcp", ALL, [("TCP", "_sip._tcp.example.com")]),
        ("sip:example.com;transport=TLS", ALL, [("TLS", "_sips._tcp.example.com")]),
        ("sip:example.com;transport=ws", ALL, []),
        ("sips:example.com", ALL, [("TLS", "_sips._tcp.example.com")]),
        ("sips:example.com;transport=tcp", ALL, [("TLS", "_sips._tcp.example.com")]),
        ("sips:example.com", ("UDP", "TCP"), []),
    ],
)
def test_srv_is_asked_for_every_transport_that_the_uri_leaves_open(
    uri: str, spoken: tuple[str, ...], asked: list[tuple[str, str]]
) -> None:
    assert names(srv_questions(Uri.parse(uri), spoken)) == asked


def test_naptr_records_are_followed_in_the_domains_order_among_what_we_speak() -> None:
    uri = Uri.parse("sip:example.com")
    assert [transport for transport, _ in names(naptr_questions(uri, EXAMPLE[::-1], ALL))] == [
        "TLS",
        "TCP",
        "UDP",
    ]
    assert [transport for transport, _ in names(naptr_questions(uri, EXAMPLE, ("UDP", "TCP")))] == [
        "TCP",
        "UDP",
    ]


def test_a_sips_uri_is_led_to_tls_only() -> None:
    assert names(naptr_questions(Uri.parse("sips:example.com"), EXAMPLE, ALL)) == [
        ("TLS", "_sips._tcp.example.com")
    ]


@pytest.mark.parametrize(
    "record",
    [
        Naptr(1, 1, "u", "SIP+D2U", "_sip._udp.example.com"),  # a rewriting by expression
        Naptr(1, 1, "s", "SIP+D2S", "_sip._sctp.example.com"),
        Naptr(1, 1, "s", "E2U+sip", "_sip._udp.example.com"),
        Naptr(1, 1, "s", "SIP+D2U", ""),
        Naptr(1, 1, "s", "SIPS+D2W", "_sips._ws.example.com"),  # nobody calls a browser by name
    ],
)
def test_records_for_others_are_left_out(record: Naptr) -> None:
    assert naptr_questions(Uri.parse("sip:example.com"), [record], ALL) == ()


def test_the_lowest_priority_comes_first() -> None:
    records = [Srv(20, 9, 5060, "backup"), Srv(10, 1, 5060, "main"), Srv(30, 9, 5060, "last")]
    assert [record.target for record in in_order(records, lambda most: most)] == ["main", "backup", "last"]


def test_a_service_that_is_decidedly_absent_has_no_targets() -> None:
    assert in_order([Srv(0, 0, 0, "")], lambda most: 0) == []


def test_equals_are_drawn_by_their_weights() -> None:
    tokens, seed = SeededTokens(7), 7
    print("seed", seed)
    records = [Srv(1, 60, 5060, "a"), Srv(1, 30, 5060, "b"), Srv(1, 10, 5060, "c")]
    draws = 6_000
    first = Counter(
        in_order(records, lambda most: tokens.number(48) % (most + 1))[0].target for _ in range(draws)
    )
    # A lot from 0 to 100, both included (RFC 2782): the lightest is also hit by 0. Five standard deviations.
    for target, chance in (("a", 60 / 101), ("b", 30 / 101), ("c", 11 / 101)):
        assert abs(first[target] - draws * chance) < 5 * (draws * chance * (1 - chance)) ** 0.5


def test_weight_zero_has_a_small_chance_beside_others_and_an_equal_one_among_its_like() -> None:
    heavy, light = Srv(1, 100, 5060, "heavy"), Srv(1, 0, 5060, "light")
    assert in_order([heavy, light], lambda most: 0)[0] is light
    assert in_order([heavy, light], lambda most: 1)[0] is heavy


RECORDS = st.builds(
    Srv, st.integers(0, 3), st.integers(0, 65_535), st.just(5060), st.sampled_from(["a", "b"])
)


@given(st.lists(RECORDS, max_size=20), st.integers(0, 2**32))
def test_whatever_the_lot_every_target_comes_once_and_priorities_rise(records: list[Srv], seed: int) -> None:
    tokens = SeededTokens(seed)
    ordered = in_order(records, lambda most: tokens.number(48) % (most + 1))
    assert Counter(ordered) == Counter(records)
    assert [record.priority for record in ordered] == sorted(record.priority for record in records)
