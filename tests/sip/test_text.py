"""Text to values and back: parse . print is the identity, whatever is in it, and what is no text is refused."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mediasrv.errors import LocalError
from mediasrv.sip import Headers, Limits, Malformed, Request, Response, Uri
from mediasrv.sip.grammar.fields import CONTACT, CSEQ, FROM, VIA, CSeq, NameAddr, Via
from mediasrv.sip.grammar.parse import parse
from mediasrv.sip.grammar.syntax import number, split

TOKEN = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=12)
NAME = st.text("abcxyz019-", min_size=1, max_size=8)
QUOTED = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=20)
HOSTS = st.sampled_from(["example.com", "192.0.2.1", "[2001:db8::1]", "a-b.c_d"])
PORTS = st.none() | st.integers(0, 65_535)
USERS = st.text("abc019-_.!~*'()&=+$,;?/", max_size=12)
VALUES = st.none() | TOKEN
PARAMETERS = st.lists(st.tuples(NAME, VALUES), max_size=4).map(tuple)
URIS = st.builds(
    Uri, st.sampled_from(["sip", "sips"]), USERS, HOSTS, PORTS, PARAMETERS, st.sampled_from(["", "a=b&c=d"])
)
TARGETS = URIS.map(lambda uri: replace(uri, headers=""))  # a Request-URI has none
NAME_ADDRS = st.builds(NameAddr, URIS, QUOTED.map(str.strip), PARAMETERS)
VIAS = st.builds(Via, TOKEN.map(str.upper), HOSTS, PORTS, PARAMETERS)


@given(URIS)
def test_a_uri_is_printed_as_it_reads(uri: Uri) -> None:
    assert Uri.parse(str(uri)) == uri


@given(NAME_ADDRS)
def test_a_name_addr_is_printed_as_it_reads(address: NameAddr) -> None:
    assert NameAddr.parse(str(address)) == address


@given(VIAS)
def test_a_via_is_printed_as_it_reads(via: Via) -> None:
    assert Via.parse(str(via)) == via


@given(st.integers(0, 2**31 - 1), TOKEN)
def test_a_cseq_is_printed_as_it_reads(value: int, method: str) -> None:
    assert CSeq.parse(str(CSeq(value, method))) == CSeq(value, method)


@given(
    st.sampled_from(["INVITE", "BYE", "NEWMETHOD"]),
    TARGETS,
    st.lists(VIAS, min_size=1, max_size=3),
    NAME_ADDRS,
    NAME_ADDRS,
    st.lists(st.tuples(st.sampled_from(["X-Any", "Subject", "s", "Foo"]), QUOTED.map(str.strip)), max_size=4),
    st.binary(max_size=200),
)
@settings(max_examples=60)
def test_a_message_is_printed_as_it_reads(method, uri, vias, caller, called, others, body) -> None:
    headers = Headers(
        [
            ("Via", ", ".join(map(str, vias))),
            ("From", str(caller)),
            ("t", str(called)),
            ("Call-ID", "a@b"),
            ("CSeq", f"7 {method}"),
            *others,
        ]
    )
    for message in (Request(method, uri, headers, body), Response(200, "Fine", headers, body)):
        read = parse(message.build(), Limits())
        assert read.headers.without("Content-Length") == headers
        assert (read.body, type(read)) == (body, type(message))
        assert read.build() == message.build()
        assert read.headers.all(VIA) == tuple(vias)
        assert read.headers.get(FROM) == caller


@given(st.binary(max_size=600))
def test_whatever_the_bytes_the_parser_reads_them_or_refuses_them(data: bytes) -> None:
    with suppress(Malformed):
        parse(data, Limits())


@pytest.mark.parametrize("parser", [Uri.parse, NameAddr.parse, Via.parse, CSeq.parse])
@given(text=st.text('sip:@<>";,=?%20 ab/[]\\\t', max_size=60))
def test_whatever_the_text_a_field_reads_it_or_refuses_it(parser, text: str) -> None:
    with suppress(Malformed):
        parser(text)


def test_control_characters_that_were_escaped_are_told_to_nobody() -> None:
    """A NUL in a name would break the record it goes into; the message itself keeps it, to be told back."""
    data = b'OPTIONS sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nFrom: "NUL\\\x00\\\x07" <sip:a@b>;tag=1\r\n'
    read = parse(data + b"To: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n", Limits())
    assert read.headers.require(FROM).display == "NUL\ufffd\ufffd"
    assert read.headers.text("From") == '"NUL\\\x00\\\x07" <sip:a@b>;tag=1'


@pytest.mark.parametrize(
    "line", ['From: "\x07" <sip:a@b>', 'From: "a" <sip:a@b>;x=\\\x07', 'From: "\\\\\x07" <sip:a@b>']
)
def test_control_characters_that_are_not_escaped_in_quotes_are_refused(line: str) -> None:
    rest = f"Via: SIP/2.0/UDP h\r\n{line};tag=1\r\nTo: <sip:b@c>\r\nCall-ID: x\r\nCSeq: 1 OPTIONS\r\n\r\n"
    with pytest.raises(Malformed):
        parse(f"OPTIONS sip:b@c SIP/2.0\r\n{rest}".encode(), Limits())


def test_a_name_with_quotes_in_its_parameters_may_hold_semicolons_there() -> None:
    assert NameAddr.parse('<sip:a@b>;x=";;";tag=1').tag == "1"
    for text in ("<sip:a@b>;;tag=1", "<sip:a@b>;tag=1; ;x"):
        with pytest.raises(Malformed):
            NameAddr.parse(text)


def test_lookup_knows_compact_forms_and_no_case() -> None:
    headers = Headers([("v", "one"), ("VIA", "two, three"), ("Subject", "x")])
    assert headers.texts("Via") == ["one", "two, three"]
    assert headers.values("via") == ["one", "two", "three"]
    assert headers.text("s") == "x"
    assert "Contact" not in headers
    assert [name for name, _ in headers] == ["v", "VIA", "Subject"]


def test_lines_are_added_and_left_out_without_touching_the_others() -> None:
    headers = Headers([("v", "one"), ("From", "x")])
    assert list(headers.plus(("To", "y")).without("via")) == [("From", "x"), ("To", "y")]
    assert len(headers) == 2


def test_commas_inside_quotes_and_brackets_separate_nothing() -> None:
    assert split('"a, b" <sip:x,y>, <sip:z>;p="q,r" ,, ', ",") == ['"a, b" <sip:x,y>', '<sip:z>;p="q,r"']


def test_parameters_outside_of_brackets_are_the_headers() -> None:
    assert NameAddr.parse("sip:a@b;tag=1").uri == Uri("sip", "a", "b")
    assert NameAddr.parse("<sip:a@b;tag=1>").tag == ""
    assert NameAddr.parse("<sip:a@b>;TAG=1").tag == "1"


def test_users_are_kept_escaped_and_shown_as_text() -> None:
    uri = Uri.parse("sip:caf%C3%A9;x@b")
    assert uri.user == "caf%C3%A9;x"
    assert uri.user_text == "café;x"


def test_a_nul_that_is_escaped_in_a_user_is_told_to_nobody() -> None:
    assert Uri.parse("sip:a%00b@c").user_text == "a\ufffdb"
    assert str(Uri.parse("sip:a%00b@c")) == "sip:a%00b@c"


def test_a_tel_uri_has_a_subscriber_and_no_host() -> None:
    uri = Uri.parse("tel:+1-555;phone-context=x")
    assert (uri.user, uri.host, uri.parameter("phone-context")) == ("+1-555", "", "x")
    assert str(uri) == "tel:+1-555;phone-context=x"


@pytest.mark.parametrize("text", ["-1", "+1", "1_0", "１", "", "9" * 21, "65536"])
def test_numbers_are_plain_digits_in_range(text: str) -> None:
    with pytest.raises(Malformed):
        number(text, 65_535, "port")


def test_a_line_break_in_a_header_of_ours_is_our_mistake() -> None:
    for value in ("x\r\nEvil: y", "x\ny", "x\ry"):
        with pytest.raises(LocalError):
            Response(200, "OK", Headers([("Subject", value)])).build()
        with pytest.raises(LocalError):
            Response(200, value, Headers()).build()


def test_a_header_that_may_stand_once_is_refused_twice() -> None:
    headers = Headers([("CSeq", "1 A"), ("CSeq", "2 A")])
    with pytest.raises(Malformed):
        headers.require(CSEQ)
    with pytest.raises(Malformed):
        Headers().require(CONTACT)


def test_values_are_parsed_once() -> None:
    headers = Headers([("CSeq", "1 A"), ("Via", "SIP/2.0/UDP h")])
    assert headers.require(CSEQ) is headers.require(CSEQ)
    assert headers.first(VIA) is headers.first(VIA)
