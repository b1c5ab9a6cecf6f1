"""Authentication in whole calls between user agents: who is asked, who answers, and what it costs."""

from __future__ import annotations

import pytest

from mediasrv.errors import LocalError
from mediasrv.ids import SeededTokens
from mediasrv.sip import (
    Account,
    Admission,
    Algorithm,
    Answered,
    Authenticator,
    Ended,
    Guard,
    IncomingCall,
    Plan,
    Registered,
    Registrar,
    ReinviteDone,
    Rejected,
    Request,
    Unregistered,
    Uri,
    UserAgent,
)
from mediasrv.sip.auth.digest import ha1
from mediasrv.sip.grammar.parse import parse
from mediasrv.sip.hop import Address
from mediasrv.sip.limits import Limits
from tests.sip.network import ALICE, ANSWER, BOB, OFFER, Network, Peer, losing

REALM = "pbx.example"
ACCOUNT = Account(REALM, "alice", "correct horse")
RECORD = Uri.parse("sip:alice@pbx.example")


class Passwords:
    def ha1(self, username: str, realm: str, algorithm: Algorithm) -> str | None:
        return ha1(algorithm, username, realm, ACCOUNT.password) if username == ACCOUNT.username else None


def challenge(request: Request, source: Address) -> Admission:
    return Admission.CHALLENGE


def guarded(seed: int = 0, policy=challenge, **chances) -> tuple[Network, Registrar]:
    """Bob asks everybody who they are, and has a registrar."""
    net = Network(seed, **chances)
    tokens = SeededTokens(99)
    registrar = Registrar([REALM])
    guard = Guard(policy, Authenticator(REALM, Passwords(), tokens))
    net.peers[BOB] = Peer(BOB, UserAgent(BOB, tokens, guard=guard, registrar=registrar))
    return net, registrar


def call(net: Network, account: Account | None = ACCOUNT) -> int:
    return net.alice.agent.invite(
        Uri.parse("sip:bob@192.0.2.2"), destination=BOB, from_uri=RECORD, body=OFFER, now=net.now, account=account
    )  # fmt: skip


def requests(net: Network, who: Address) -> list[str]:
    seen = [parse(data, Limits()) for _, source, _, data in net.log if source == who]
    return [f"{each.cseq}" for each in seen if isinstance(each, Request)]


def established(net: Network, account: Account | None = ACCOUNT) -> tuple[int, int]:
    hers = call(net, account)
    net.run(1.0)
    his = net.bob.last(IncomingCall).call
    net.bob.agent.respond(his, 200, net.now, body=ANSWER)
    net.run(1.0)
    assert net.alice.events[-1] == Answered(hers, ANSWER)
    return hers, his


def test_a_call_is_made_again_with_credentials_and_knows_its_caller() -> None:
    net, _ = guarded()
    hers, _ = established(net)
    assert net.bob.last(IncomingCall).username == "alice"
    net.alice.agent.bye(hers, net.now)
    net.run()
    assert requests(net, ALICE) == ["1 INVITE", "1 ACK", "2 INVITE", "2 ACK", "3 BYE"]
    net.assert_nothing_left()


def test_a_stranger_leaves_nothing_behind_and_gets_one_datagram_for_one() -> None:
    net, _ = guarded()
    call(net, account=None)
    net.flush()
    (_, _, _, invite) = net.log[0]
    bob = net.bob.agent
    for _ in range(1_000):
        bob.receive(invite, ALICE, 0.0)
    assert len(bob.datagrams_to_send(0.0)) == 1_000
    left = bob.statistics()
    assert (left.transactions, left.dialogs, left.calls, left.deadlines) == (0, 0, 0, 0)
    assert bob.next_event() is None


def test_a_wrong_password_is_refused_after_one_try() -> None:
    net, _ = guarded()
    call(net, Account(REALM, "alice", "guess"))
    net.run()
    assert net.alice.last(Rejected).status == 401
    assert requests(net, ALICE).count("2 INVITE") == 1
    assert net.bob.events == []
    net.assert_nothing_left()


@pytest.mark.parametrize(("admission", "status"), [(Admission.FORBID, 403), (Admission.CHALLENGE, 401)])
def test_who_is_not_welcome_is_refused(admission: Admission, status: int) -> None:
    net, _ = guarded(policy=lambda request, source: admission)
    call(net, account=None)
    net.run()
    assert net.alice.last(Rejected).status == status
    net.assert_nothing_left()


def test_a_cancelled_call_is_not_made_again_when_it_is_challenged() -> None:
    net, _ = guarded()
    net.alice.agent.cancel(call(net), net.now)
    net.run()
    assert net.alice.last(Rejected).status == 401
    assert "2 INVITE" not in requests(net, ALICE)
    net.assert_nothing_left()


def test_a_call_that_rings_after_its_challenge_can_be_cancelled() -> None:
    net, _ = guarded()
    hers = call(net)
    net.run(1.0)
    net.alice.agent.cancel(hers, net.now)
    net.run()
    assert net.alice.last(Rejected).status == 487
    net.assert_nothing_left()


def challenge_once(net: Network, method: str, realm: str = REALM) -> list[bytes]:
    """Bob does not see Alice's first request of that method: she is asked who she is instead."""
    asked: list[bytes] = []

    def rule(source: Address, to: Address, data: bytes) -> bool:
        if asked or source != ALICE or not data.startswith(method.encode()):
            return False
        asked.append(data)
        request = parse(data, Limits())
        lines = "".join(
            f"{name}: {request.headers.text(name)}\r\n" for name in ("Via", "From", "To", "Call-ID", "CSeq")
        )
        refusal = f'SIP/2.0 401 No\r\n{lines}WWW-Authenticate: Digest realm="{realm}", nonce="n", qop="auth"\r\n\r\n'
        net.alice.agent.receive(refusal.encode(), BOB, net.now)
        return True

    net.rules.append(rule)
    return asked


def test_a_challenged_bye_is_sent_again_with_credentials() -> None:
    net, _ = guarded()
    hers, _ = established(net)
    challenge_once(net, "BYE")
    net.alice.agent.bye(hers, net.now)
    net.run()
    assert list(dict.fromkeys(requests(net, ALICE)))[-2:] == ["3 BYE", "4 BYE"]
    assert b"\r\nAuthorization: Digest username=" in net.sent(ALICE, b"BYE")[-1]
    assert net.bob.said(Ended)
    net.assert_nothing_left()


def test_a_challenged_reinvite_is_sent_again_with_credentials() -> None:
    net, _ = guarded()
    hers, his = established(net)
    challenge_once(net, "INVITE")
    net.alice.agent.reinvite(hers, OFFER, net.now)
    net.run(1.0)
    net.bob.agent.respond(his, 200, net.now, body=ANSWER)
    net.run(1.0)
    assert net.alice.last(ReinviteDone).status == 200
    assert b"\r\nAuthorization: Digest username=" in net.sent(ALICE, b"INVITE")[-1]
    net.alice.agent.bye(hers, net.now)
    net.run()
    net.assert_nothing_left()


def test_digest_leak_a_callee_of_ours_without_account_gets_no_digest() -> None:
    net, _ = guarded(policy=lambda request, source: Admission.WELCOME)
    hers, _ = established(net, account=None)
    challenge_once(net, "BYE")
    net.alice.agent.bye(hers, net.now)
    net.run()
    assert not any(b"Digest username" in data for _, source, _, data in net.log if source == ALICE)


def test_digest_leak_a_caller_that_challenges_our_bye_gets_no_digest() -> None:
    net, _ = guarded(policy=lambda request, source: Admission.WELCOME)
    hers, _ = established(net)
    challenge_once(net, "BYE", realm="evil.example")
    net.alice.agent.bye(hers, net.now)
    net.run()
    assert not any(b"Digest username" in data for _, source, _, data in net.log if source == ALICE)


@pytest.mark.parametrize("seed", range(20))
def test_a_guarded_call_over_a_lossy_network_leaves_nothing(seed: int) -> None:
    net, _ = guarded(seed, loss=0.2, repeat=0.2, delay_s=(0.01, 0.8))
    print(f"seed {seed}")
    hers = call(net)
    net.run(5.0)
    for event in net.bob.said(IncomingCall):
        assert event.username == "alice"
        net.bob.agent.respond(event.call, 200, net.now, body=ANSWER)
    net.run(40.0)
    net.alice.agent.bye(hers, net.now)
    net.run()
    assert len(net.bob.said(IncomingCall)) <= 1
    net.assert_nothing_left()


# ---- REGISTER at the door


def register(net: Network, account: Account = ACCOUNT):
    plan = Plan(RECORD, Uri.parse("sip:pbx.example"), (BOB,), account)
    return net.alice.agent.registrations.begin(plan, net.now)


def test_a_phone_registers_refreshes_and_leaves() -> None:
    net, registrar = guarded()
    ours = register(net)
    net.run(4_000.0)
    assert net.alice.said(Registered) == [Registered(ours, 3_600)] * 2
    assert [binding.source for binding in registrar.lookup(RECORD, net.now)] == [ALICE]
    net.alice.agent.registrations.leave(ours, net.now)
    net.run()
    assert net.alice.events[-1] == Unregistered(ours)
    assert registrar.lookup(RECORD, net.now) == []
    net.assert_nothing_left()


def test_a_lost_answer_to_register_is_not_taken_for_a_replay() -> None:
    net, _ = guarded()
    net.rules.append(losing(b"SIP/2.0 200", times=1))
    register(net)
    net.run(10.0)
    assert len(net.alice.said(Registered)) == 1
    assert requests(net, ALICE) == ["1 REGISTER", "2 REGISTER", "2 REGISTER"]


def test_register_flood_without_password_leaves_nothing_and_live_calls_unharmed() -> None:
    net, registrar = guarded()
    hers, his = established(net)
    register(net, Account(REALM, "mallory", "guess"))
    net.flush()
    flood = net.sent(ALICE, b"REGISTER")[0]
    before = net.bob.agent.statistics()
    for number in range(5_000):
        net.bob.agent.receive(
            flood.replace(b"z9hG4bK", b"z9hG4bK%d" % number), ("203.0.113.9", 5060), net.now
        )
        assert len(net.bob.agent.datagrams_to_send(net.now)) == 1
    after = net.bob.agent.statistics()
    assert (after.transactions, after.deadlines, after.calls) == (before.transactions, before.deadlines, 1)
    assert len(registrar) == 0
    net.bob.agent.bye(his, net.now)
    net.run(10.0)
    assert net.alice.last(Ended).call == hers


def test_without_a_registrar_register_is_not_allowed() -> None:
    net = Network()
    register(net)
    net.run(1.0)
    assert net.sent(BOB, b"SIP/2.0 405")


def test_a_registrar_without_a_guard_is_not_built() -> None:
    with pytest.raises(LocalError):
        UserAgent(BOB, SeededTokens(1), registrar=Registrar([REALM]))
