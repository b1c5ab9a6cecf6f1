"""Registrations of ours against a trunk that answers as it is told, in virtual time."""

from __future__ import annotations

from itertools import pairwise

import pytest

from mediasrv.errors import LocalError
from mediasrv.ids import SeededTokens
from mediasrv.sip import (
    Account,
    Plan,
    Registered,
    RegistrationFailed,
    Request,
    SipEvent,
    Unregistered,
    Uri,
    UserAgent,
)
from mediasrv.sip.grammar.parse import parse
from mediasrv.sip.hop import Address
from mediasrv.sip.limits import Limits

US: Address = ("192.0.2.1", 5060)
FIRST: Address = ("192.0.2.10", 5060)
SECOND: Address = ("192.0.2.20", 5060)
CHALLENGE = 'WWW-Authenticate: Digest realm="trunk.example", nonce="n", qop="auth", algorithm=SHA-256'
OURS = "<sip:us@192.0.2.1:5060>"

Answer = tuple[int, tuple[str, ...]]
GRANTED: Answer = (200, (f"Contact: {OURS};expires=100",))
BUSY: Answer = (503, ())


class Trunk:
    """Every address answers by its own script, its last line for ever; None: silence."""

    def __init__(self, seed: int = 0, account: Account | None = None, **scripts: list[Answer | None]) -> None:
        self.agent = UserAgent(US, SeededTokens(seed))
        self.now = 0.0
        self.scripts = {FIRST: scripts.get("first", [GRANTED]), SECOND: scripts.get("second", [GRANTED])}
        self.seen: list[tuple[float, Address, Request]] = []
        self.events: list[tuple[float, SipEvent]] = []
        self.account = account

    def begin(self, *destinations: Address, expires_s: int = 100) -> int:
        plan = Plan(
            Uri.parse("sip:us@trunk.example"),
            Uri.parse("sip:trunk.example"),
            destinations or (FIRST, SECOND),
            self.account,
            expires_s,
        )
        return self.agent.registrations.begin(plan, self.now)

    def run(self, until: float) -> None:
        while True:
            self._exchange()
            due = self.agent.next_deadline()
            if due is None or due > until:
                self.now = until
                return
            self.now = due
            self.agent.handle_deadline(due)

    def _exchange(self) -> None:
        while sent := self.agent.datagrams_to_send(self.now):
            for data, to in sent:
                request = parse(data, Limits())
                assert isinstance(request, Request)
                self.seen.append((self.now, to, request))
                self._answer(request, to)
        while (event := self.agent.next_event()) is not None:
            self.events.append((self.now, event))

    def _answer(self, request: Request, to: Address) -> None:
        script = self.scripts[to]
        answer = script.pop(0) if len(script) > 1 else script[0]
        if answer is None:
            return
        status, extra = answer
        copied = [
            f"{name}: {request.headers.text(name)}" for name in ("Via", "From", "To", "Call-ID", "CSeq")
        ]
        text = "\r\n".join([f"SIP/2.0 {status} As Told", *copied, *extra, "", ""])
        self.agent.receive(text.encode(), to, self.now)

    def said(self, kind: type) -> list[SipEvent]:
        return [event for _, event in self.events if isinstance(event, kind)]

    def went_to(self) -> list[Address]:
        return [to for _, to, _ in self.seen]


def test_it_is_refreshed_before_it_runs_out_for_as_long_as_it_lives() -> None:
    trunk = Trunk()
    ours = trunk.begin()
    trunk.run(1_000.0)
    times = [at for at, _, _ in trunk.seen]
    gaps = [later - at for at, later in pairwise(times)]
    assert all(0.8 * 68 <= gap <= 68 for gap in gaps)  # 100 s, less the 32 s that a refresh may take
    assert trunk.said(Registered) == [Registered(ours, 100)] * len(times)


def test_refreshes_are_spread_by_chance() -> None:
    moments = set()
    for seed in range(20):
        trunk = Trunk(seed)
        trunk.begin()
        trunk.run(90.0)
        moments.add(trunk.seen[1][0])
    assert len(moments) == 20


def test_all_its_requests_share_a_call_id_and_count_up() -> None:
    trunk = Trunk()
    trunk.begin()
    trunk.run(500.0)
    assert len({(request.call_id, request.from_.tag) for _, _, request in trunk.seen}) == 1
    numbers = [request.cseq.number for _, _, request in trunk.seen]
    assert numbers == list(range(1, len(numbers) + 1))


def test_423_is_obeyed_and_the_longer_time_kept() -> None:
    trunk = Trunk(first=[(423, ("Min-Expires: 1800",)), (200, (f"Contact: {OURS}", "Expires: 1800"))])
    ours = trunk.begin()
    trunk.run(1.0)
    assert [request.headers.text("Expires") for _, _, request in trunk.seen] == ["100", "1800"]
    assert trunk.said(Registered) == [Registered(ours, 1_800)]


@pytest.mark.parametrize("least", ["100", "0", "4294967295", "many"])
def test_423_that_leads_nowhere_is_a_failure_and_no_loop(least: str) -> None:
    trunk = Trunk(first=[(423, (f"Min-Expires: {least}",))])
    trunk.begin()
    trunk.run(1.0)
    assert len(trunk.seen) == 1
    assert len(trunk.said(RegistrationFailed)) == 1


def test_an_outage_of_one_address_moves_to_the_next_and_stays_there() -> None:
    trunk = Trunk(first=[None])
    trunk.begin()
    trunk.run(200.0)
    late = [to for at, to, _ in trunk.seen if at >= 32.0]
    assert set(trunk.went_to()[: len(trunk.seen) - len(late)]) == {FIRST}
    assert set(late) == {SECOND}
    assert not trunk.said(RegistrationFailed)


@pytest.mark.parametrize("refusal", [BUSY, (500, ()), (302, ()), (302, ("Contact: <sip:203.0.113.66>",))])
def test_a_refusal_that_others_may_not_share_moves_to_the_next_at_once(refusal: Answer) -> None:
    trunk = Trunk(first=[refusal])
    trunk.begin()
    trunk.run(1.0)
    assert trunk.went_to() == [FIRST, SECOND]
    assert trunk.said(Registered)


def test_a_redirection_to_an_address_of_the_plan_is_followed() -> None:
    third: Address = ("192.0.2.30", 5060)
    trunk = Trunk(first=[(302, ("Contact: <sip:192.0.2.30>",))])
    trunk.scripts[third] = [GRANTED]
    trunk.begin(FIRST, SECOND, third)
    trunk.run(1.0)
    assert trunk.went_to() == [FIRST, third]


def test_addresses_that_redirect_to_each_other_end_the_round() -> None:
    trunk = Trunk(
        first=[(302, ("Contact: <sip:192.0.2.20>",))], second=[(302, ("Contact: <sip:192.0.2.10>",))]
    )
    trunk.begin()
    trunk.run(1.0)
    assert len(trunk.seen) == 2
    assert len(trunk.said(RegistrationFailed)) == 1


def test_when_all_fail_the_pause_doubles_up_to_half_an_hour() -> None:
    trunk = Trunk(first=[BUSY], second=[BUSY])
    trunk.begin()
    trunk.run(20_000.0)
    pauses = [event.retry_in_s for event in trunk.said(RegistrationFailed)]
    for number, pause_s in enumerate(pauses):
        longest_s = min(30.0 * 2**number, 1_800.0)
        assert longest_s / 2 <= pause_s <= longest_s
    assert len(pauses) > 10


def test_retry_after_is_never_undercut() -> None:
    trunk = Trunk(first=[(503, ("Retry-After: 900 (maintenance)",))], second=[(503, ("Retry-After: 7",))])
    trunk.begin()
    trunk.run(5_000.0)
    assert all(event.retry_in_s >= 900 for event in trunk.said(RegistrationFailed))


def test_an_outage_that_ends_is_over_with_the_next_pause() -> None:
    trunk = Trunk(first=[BUSY, BUSY, GRANTED], second=[BUSY])
    ours = trunk.begin()
    trunk.run(300.0)
    assert trunk.said(Registered)[0] == Registered(ours, 100)


def test_a_failed_refresh_says_whether_calls_can_still_come() -> None:
    trunk = Trunk(first=[GRANTED, BUSY], second=[BUSY])
    trunk.begin()
    trunk.run(400.0)
    bound = [event.bound for event in trunk.said(RegistrationFailed)]
    assert bound[0]
    assert not bound[-1]


def test_credentials_are_given_once_and_a_wrong_password_is_not_tried_elsewhere() -> None:
    trunk = Trunk(account=Account("trunk.example", "us", "guess"), first=[(401, (CHALLENGE,))])
    trunk.begin()
    trunk.run(1.0)
    assert trunk.went_to() == [FIRST, FIRST]
    assert [("Authorization" in request.headers) for _, _, request in trunk.seen] == [False, True]
    failed = trunk.said(RegistrationFailed)
    assert [event.status for event in failed] == [401]


def test_a_trunk_that_asks_every_time_is_answered_every_time() -> None:
    asks = [(401, (CHALLENGE,)), GRANTED] * 3 + [GRANTED]
    trunk = Trunk(account=Account("trunk.example", "us", "secret"), first=asks)
    trunk.begin()
    trunk.run(150.0)
    assert len(trunk.said(Registered)) == 3
    assert len(trunk.seen) == 6


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("Contact: <sip:192.0.2.99>;expires=9",),
        (f"Contact: {OURS};expires=x",),
        (f"Contact: {OURS};expires=0",),
    ],
)
def test_a_200_that_does_not_bind_us_is_a_failure(lines: tuple[str, ...]) -> None:
    trunk = Trunk(first=[(200, lines)])
    trunk.begin(FIRST)
    trunk.run(1.0)
    assert not trunk.said(Registered)
    assert len(trunk.said(RegistrationFailed)) == 1


def test_leaving_takes_the_binding_back_and_leaves_nothing() -> None:
    trunk = Trunk(
        account=Account("trunk.example", "us", "secret"), first=[GRANTED, (401, (CHALLENGE,)), (200, ())]
    )
    ours = trunk.begin()
    trunk.run(1.0)
    trunk.agent.registrations.leave_all(trunk.now)
    trunk.run(100.0)
    assert trunk.seen[-1][2].headers.text("Contact") == f"{OURS};expires=0"
    assert trunk.events[-1][1] == Unregistered(ours)
    left = trunk.agent.statistics()
    assert (len(trunk.agent.registrations), left.transactions, left.deadlines) == (0, 0, 0)


@pytest.mark.parametrize("when", [0.0, 10.0, 33.0, 70.0])
def test_leaving_ends_whatever_the_trunk_says(when: float) -> None:
    trunk = Trunk(first=[None], second=[BUSY])
    ours = trunk.begin()
    trunk.run(when)
    trunk.agent.registrations.leave(ours, trunk.now)
    trunk.agent.registrations.leave(ours, trunk.now)
    trunk.run(when + 200.0)
    assert trunk.said(Unregistered) == [Unregistered(ours)]
    left = trunk.agent.statistics()
    assert (left.transactions, left.deadlines) == (0, 0)


def test_a_plan_that_leads_nowhere_is_our_own_mistake() -> None:
    trunk = Trunk()
    with pytest.raises(LocalError):
        trunk.begin(expires_s=0)
    plan = Plan(Uri.parse("sip:a@b"), Uri.parse("sip:b"), ())
    with pytest.raises(LocalError):
        trunk.agent.registrations.begin(plan, 0.0)
