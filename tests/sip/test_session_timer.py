"""Session timers: RFC 4028's table of refreshers, intervals that are too small, and calls that nobody refreshes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.sip import EndCause, Ended, IncomingCall, Rejected, Timers, UserAgent
from mediasrv.sip.dialogs.session_timer import (
    MIN_INTERVAL_S,
    Agreement,
    agree_as_client,
    agree_as_server,
    is_too_small,
    server_lines,
)
from mediasrv.sip.events import Refreshed
from mediasrv.sip.grammar.headers import Headers
from tests.sip.network import ALICE, ANSWER, BOB, Network, losing
from tests.sip.test_dialogs import Caller

YES = ("Supported", "timer")


@pytest.mark.parametrize(
    ("lines", "agreed"),
    [
        # table 2 of section 9: does the sender support it, whom does it ask for, who is it
        ([], None),
        ([YES], Agreement(1800, ours=True)),
        ([("Session-Expires", "600")], Agreement(600, ours=True)),
        ([("Session-Expires", "600"), YES], Agreement(600, ours=True)),
        ([("Session-Expires", "600;refresher=uac"), YES], Agreement(600, ours=False)),
        ([("Session-Expires", "600;refresher=uas"), YES], Agreement(600, ours=True)),
        # the interval: never longer than asked, never shorter than the sender's least
        ([("Session-Expires", "9000"), YES], Agreement(1800, ours=True)),
        ([("Session-Expires", "9000"), ("Min-SE", "4000"), YES], Agreement(4000, ours=True)),
        ([("Min-SE", "4000"), YES], Agreement(4000, ours=True)),
        ([("Session-Expires", "100"), ("Min-SE", "4000"), YES], Agreement(100, ours=True)),
        ([("x", "1000"), ("k", "timer")], Agreement(1000, ours=True)),
        ([("Session-Expires", "30")], None),  # cannot be refused with 422, and is not agreed to
    ],
)
def test_the_answering_side_agrees_as_the_rfc_says(
    lines: list[tuple[str, str]], agreed: Agreement | None
) -> None:
    assert agree_as_server(Headers(lines), 1800) == agreed


def test_what_is_agreed_reads_the_same_on_the_other_side() -> None:
    for agreement in (Agreement(600, ours=True), Agreement(90, ours=False)):
        said = agree_as_client(Headers(server_lines(agreement)))
        assert said == Agreement(agreement.interval_s, ours=not agreement.ours)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["", ";refresher=uac", ";refresher=uas", ";refresher=x"]))
def test_no_interval_of_a_peers_has_us_send_more_often_than_the_least(interval_s: int, role: str) -> None:
    headers = Headers([("Session-Expires", f"{interval_s}{role}"), YES])
    for agreed in (agree_as_server(headers, 1800), agree_as_client(headers)):
        assert agreed is None or agreed.interval_s >= MIN_INTERVAL_S
    assert is_too_small(headers) == (interval_s < MIN_INTERVAL_S)


def timed(session_s: float = 300.0, *, alice_s: float | None = None, **chances) -> tuple[Network, int, int]:
    net = Network(**chances)
    for peer, wanted_s in ((net.alice, session_s if alice_s is None else alice_s), (net.bob, session_s)):
        peer.agent._core.timers = Timers(session_s=wanted_s)
        peer.agent._core.transactions.timers = peer.agent._core.timers
    return net, *net.established()


@pytest.mark.parametrize("silent", [ALICE, BOB])
def test_a_session_that_nobody_refreshes_is_hung_up_before_its_interval_ends(silent) -> None:
    net, _, _ = timed()
    net.rules.append(lambda source, to, data: source == silent)
    began = net.now
    net.run(290.0)
    awake = net.alice if silent == BOB else net.bob
    assert awake.last(Ended).cause in (EndCause.EXPIRED, EndCause.TIMEOUT)
    bye_at = next(at for at, source, _, data in net.log if source != silent and data.startswith(b"BYE"))
    assert bye_at - began <= 300.0 - 32.0
    net.run()
    net.assert_nothing_left()


def test_a_call_is_refreshed_at_half_the_interval_by_update_and_lives() -> None:
    net, hers, _ = timed()
    net.run(1_000.0)
    assert not net.alice.said(Ended)
    assert len(net.sent(BOB, b"UPDATE")) == 6  # every 150 s
    assert len(net.bob.said(Refreshed)) == 6
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_a_peer_without_update_is_refreshed_by_a_re_invite_with_the_same_description() -> None:
    net, _, his = timed()
    net.bob.agent.in_dialog(his).dialog.methods = frozenset()
    net.reactions.append(
        lambda net, peer, event: (
            peer.agent.respond(event.call, 200, net.now, body=b"hers")
            if type(event).__name__ == "Reinvite"
            else None
        )
    )
    net.run(160.0)
    [again] = net.sent(BOB, b"INVITE")
    assert again.endswith(ANSWER)
    assert net.bob.last(Refreshed).body == b"hers"
    net.bob.agent.bye(his, net.now)
    net.run()
    net.assert_nothing_left()


def test_a_refresh_that_is_lost_a_few_times_keeps_the_call() -> None:
    net, hers, _ = timed()
    net.rules.append(losing(b"UPDATE", times=3))
    net.run(200.0)
    assert not net.alice.said(Ended)
    assert net.bob.said(Refreshed)
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_an_interval_that_is_too_small_is_422_and_tried_again_with_the_least() -> None:
    net = Network()
    net.alice.agent._core.timers = Timers(session_s=30.0)
    hers = net.call()
    net.run(1.0)
    first, second = net.sent(ALICE, b"INVITE")
    assert b"Session-Expires: 30\r\n" in first
    assert b"Session-Expires: 90\r\n" in second
    assert first.partition(b"Call-ID:")[2].split()[0] == second.partition(b"Call-ID:")[2].split()[0]
    assert net.bob.last(IncomingCall).request.cseq.number == 2
    net.bob.agent.respond(net.bob.last(IncomingCall).call, 200, net.now, body=ANSWER)
    net.run(1.0)
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_a_peer_that_always_wants_a_longer_interval_is_given_up() -> None:
    net = Network()
    least_s = iter(range(2_000, 10**9, 40_000))

    def refuse(net: Network, peer, event: object) -> None:
        if isinstance(event, IncomingCall):
            lines = [("Min-SE", str(next(least_s)))]
            peer.agent.respond(event.call, 422, net.now, headers=lines)

    net.reactions.append(refuse)
    net.call()
    net.run()
    assert net.alice.last(Rejected).status == 422
    assert len(net.bob.said(IncomingCall)) == 4  # 1,800 s, 2,000 s, 42,000 s, 82,000 s; a day is the most
    net.assert_nothing_left()


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ({"Session_Expires": "60", "Supported": "timer"}, 422),
        ({"Session_Expires": "-5", "Supported": "timer"}, 400),
        ({"Session_Expires": "100", "Min_SE": "x"}, 400),
    ],
)
def test_a_bad_interval_is_refused_in_the_invite_and_in_update(lines: dict[str, str], status: int) -> None:
    assert Caller().statuses("INVITE", **lines) == [status]
    assert Caller().established().statuses("UPDATE", **lines) == [status]


def test_an_agent_that_wants_no_timer_asks_for_none() -> None:
    agent = UserAgent(BOB, Network().alice.agent._core.tokens, timers=Timers(session_s=0.0))
    assert agent.next_deadline() is None
    net, hers, _ = timed(0.0)
    assert b"Session-Expires" not in net.sent(ALICE, b"INVITE")[0]
    net.run(60.0)
    assert net.alice.agent.next_deadline() is None
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_a_refresh_that_is_answered_or_refused_after_the_call_sets_no_clock() -> None:
    network, a, _ = timed()
    agent = network.alice.agent
    core = agent._core
    session = agent._session(a)
    answer = Headers([("Session-Expires", "300;refresher=uac"), YES])
    session.timer.close()
    before = len(core.schedule)
    session.timer.answered(answer, network.now)
    session.timer.refused(422, Headers([("Min-SE", "400")]), network.now)
    session.timer.agree(answer, network.now)
    assert len(core.schedule) == before
