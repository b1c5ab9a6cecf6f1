"""Headers of the extensions, as values: what they say, and that nonsense says nothing or is refused."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.sip.errors import Malformed
from mediasrv.sip.grammar.headers import Headers
from mediasrv.sip.grammar.identity import Party, UserToUser, identity_lines, user_to_user_line
from mediasrv.sip.grammar.keys import BARE, KEYS, LONGEST_MS, RELAY, Key, print_key, read_key
from mediasrv.sip.grammar.reasons import Reason, read_reasons
from mediasrv.sip.grammar.replaces import Replaces, read_refer_to, refer_to
from mediasrv.sip.grammar.uri import Uri

WORDS = st.text("abcdefgh0123456789", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("kind", "body", "key"),
    [
        (RELAY, b"Signal=5\r\nDuration=160\r\n", Key("5", 160)),
        (RELAY, b"Signal= *\nDuration= 250", Key("*", 250)),
        (RELAY, b"signal=11\r\n", Key("#", 160)),
        (RELAY, b"Signal=d\r\nDuration=99999999", Key("D", LONGEST_MS)),
        (RELAY, b"Signal=16\r\nDuration=50", Key("!", 50)),
        (BARE, b"7", Key("7")),
        (BARE, b"10\r\n", Key("*")),
        (BARE, b"Signal=3\r\nDuration=100", Key("3", 100)),
    ],
)
def test_a_key_in_info_is_read_in_each_of_its_dialects(kind: str, body: bytes, key: Key) -> None:
    assert read_key(kind, body) == key


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"Signal=",
        b"Signal=17",
        b"Signal=55",
        b"Duration=5",
        b"Signal=1\r\nDuration=-4",
        b"\xff\xfe",
        b"E",
    ],
)
def test_what_is_no_key_is_malformed(body: bytes) -> None:
    for kind in (RELAY, BARE):
        with pytest.raises(Malformed):
            read_key(kind, body)


@given(st.sampled_from(KEYS), st.integers(1, LONGEST_MS))
def test_a_printed_key_reads_as_it_was(key: str, duration_ms: int) -> None:
    assert read_key(RELAY, print_key(Key(key, duration_ms))) == Key(key, duration_ms)


@given(st.binary(max_size=40))
def test_no_body_of_a_key_raises_anything_but_malformed(body: bytes) -> None:
    for kind in (RELAY, BARE):
        with suppress(Malformed):
            read_key(kind, body)


def test_reasons_are_read_and_what_cannot_be_is_left_out() -> None:
    lines = ['SIP;cause=200;text="call completed elsewhere", Q.850;cause=16', "Q.850;cause=900", '"broken']
    assert read_reasons(lines) == (
        Reason("SIP", 200, "call completed elsewhere"), Reason("Q.850", 16), Reason("Q.850"),
    )  # fmt: skip


@given(
    st.sampled_from(["SIP", "Q.850", "x-other"]),
    st.none() | st.integers(0, 127),
    st.text('ab"\\ ;,=', max_size=9),
)
def test_a_printed_reason_reads_as_it_was(protocol: str, cause: int | None, text: str) -> None:
    assert read_reasons([str(Reason(protocol, cause, text))]) == (Reason(protocol, cause, text),)


@given(WORDS, WORDS, WORDS, st.booleans())
def test_a_refer_to_carries_the_call_to_replace(call_id: str, ours: str, theirs: str, early: bool) -> None:
    replaces = Replaces(f"{call_id}@192.0.2.1", ours, theirs, early)
    assert Replaces.parse(str(replaces)) == replaces
    target = Uri.parse("sip:carol@192.0.2.3;transport=tcp")
    assert read_refer_to(str(refer_to(target, replaces))) == (target, replaces)


def test_other_headers_of_a_refer_to_are_not_taken_over() -> None:
    assert read_refer_to("<sip:c@192.0.2.3?Route=%3Csip:evil%3E&Subject=x>") == (
        Uri.parse("sip:c@192.0.2.3"),
        None,
    )


@pytest.mark.parametrize(
    "text",
    ["", "call", "call;to-tag=a", "call;from-tag=b", ";to-tag=a;from-tag=b", "a b;to-tag=a;from-tag=b"],
)
def test_a_replaces_that_names_no_dialog_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        Replaces.parse(text)


def test_a_refer_to_with_two_replaces_is_malformed() -> None:
    one = "Replaces=a%3Bto-tag%3Db%3Bfrom-tag%3Dc"
    with pytest.raises(Malformed):
        read_refer_to(f"<sip:c@192.0.2.3?{one}&{one}>")


def test_a_party_is_what_its_headers_say() -> None:
    party = Party.of(
        Headers(
            [
                ("P-Asserted-Identity", '"Cullen" <sip:+14085551212@example.com>, <tel:+14085551212>'),
                ("Privacy", "id; critical"), ("User-to-User", "56a390f3d2b7310023a2;encoding=hex;purpose=isdn-uui"),
                ("X-Account", "42"), ("x-Order", "7"), ("Max-Forwards", "3"),
            ]
        )
    )  # fmt: skip
    assert [each.uri.user for each in party.asserted] == ["+14085551212", "+14085551212"]
    assert party.hides_identity
    assert party.user_to_user == (UserToUser("56a390f3d2b7310023a2", "hex", "isdn-uui"),)
    assert party.extensions == (("X-Account", "42"), ("x-Order", "7"))
    assert party.hops_left == 3
    again = Headers(
        [*identity_lines(party.asserted, party.privacy), user_to_user_line(party.user_to_user[0])]
    )
    assert Party.of(again).asserted == party.asserted
    assert Party.of(again).user_to_user == party.user_to_user


def test_a_party_whose_headers_are_nonsense_says_nothing() -> None:
    party = Party.of(
        Headers([("P-Asserted-Identity", "<<>"), ("Privacy", '"'), ("User-to-User", '"'), ("X-", "")])
    )
    assert party == Party()
