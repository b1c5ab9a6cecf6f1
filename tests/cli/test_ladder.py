"""A call drawn as a ladder."""

from __future__ import annotations

from typing import Any

from mediasrv.cli.shown.ladder import STEP, ladder


def sip(
    ms: float, sent: bool, line: str, peer: str = "192.0.2.7:5060", cseq: str = "1 INVITE"
) -> dict[str, Any]:
    return {"ms": ms, "event": "sip", "sent": sent, "line": line, "cseq": cseq, "peer": peer, "octets": 300}


def drawn(*entries: dict[str, Any]) -> list[str]:
    heading, *rows = ladder(entries, lambda entry: str(entry.get("why", "")))
    assert heading.split()[0] == "ms"
    return [row[11:] for row in rows]


def test_arrows_point_from_the_sender_to_the_other_side() -> None:
    invite, trying = drawn(
        sip(0, False, "INVITE sip:100@203.0.113.1 SIP/2.0"), sip(1, True, "SIP/2.0 100 Trying")
    )
    assert invite.startswith("|-- INVITE 100 ---")
    assert invite.endswith("->|")
    assert trying.startswith("|<---")
    assert trying.endswith(" 100 Trying --|")
    assert len(invite) == len(trying) == STEP + 1


def test_a_response_says_what_it_answers() -> None:
    (row,) = drawn(sip(0, True, "SIP/2.0 200 OK", cseq="7 BYE"))
    assert "200 OK (BYE)" in row


def test_what_is_sent_twice_is_marked() -> None:
    rows = drawn(*[sip(ms, False, "BYE sip:us SIP/2.0", cseq="2 BYE") for ms in (0, 500)])
    assert ["(again)" in row for row in rows] == [False, True]


def test_other_events_stand_beside_the_lines_in_the_order_of_time() -> None:
    rows = drawn(
        {"ms": 5, "event": "call_ended", "why": "caller_hung_up"},
        sip(9, True, "SIP/2.0 200 OK", cseq="2 BYE"),
        sip(4, False, "BYE sip:us SIP/2.0", cseq="2 BYE"),
    )
    assert ["BYE --" in rows[0], "call_ended  caller_hung_up" in rows[1], "200 OK" in rows[2]] == [True] * 3


def test_each_further_party_has_a_column_of_its_own() -> None:
    _, to_second, to_third = drawn(
        sip(0, False, "INVITE sip:1@x SIP/2.0"),
        sip(1, True, "INVITE sip:2@x SIP/2.0", peer="192.0.2.8:5060"),
        sip(2, False, "SIP/2.0 180 Ringing", peer="192.0.2.9:5060"),
    )
    assert to_second[STEP:].startswith("|-- INVITE 2 ---")
    assert to_second[2 * STEP - 1] == ">"
    assert to_third[STEP:].startswith("|<--")
    assert to_third.endswith("180 Ringing (INVITE) --|")
    assert len(to_third) == 3 * STEP + 1


def test_a_line_that_is_too_long_is_cut_to_the_room_there_is() -> None:
    (row,) = drawn(sip(0, False, f"INVITE sip:{'9' * 80}@x SIP/2.0"))
    assert len(row) == STEP + 1
    assert row.endswith(">|")


def test_the_words_of_a_voice_make_one_line_until_something_else_happens() -> None:
    entries = [{"ms": ms, "event": "word", "word": word} for ms, word in ((1, "Good"), (2, "day"), (4, "to"))]
    lines = ladder([*entries, {"ms": 3, "event": "key"}], lambda entry: str(entry.get("word", "")))
    assert [line.split("  ")[-1] for line in lines[1:]] == ["Good day", "key", "to"]
