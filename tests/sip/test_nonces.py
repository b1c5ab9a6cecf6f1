"""Nonces: their age, their counts, and what is forgotten when there is no room; also as a stateful model."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from mediasrv.ids import SeededTokens
from mediasrv.sip.auth.nonces import WINDOW_COUNTS, Nonces, Standing

LIFETIME_S = 100.0


def nonces(remembered_max: int = 8) -> Nonces:
    return Nonces(SeededTokens(1), lifetime_s=LIFETIME_S, remembered_max=remembered_max)


def test_a_nonce_is_good_until_its_time_is_over() -> None:
    store = nonces()
    nonce = store.issue(50.0)
    assert store.standing(nonce, 149.9) is Standing.GOOD
    assert store.standing(nonce, 150.0) is Standing.STALE


def test_challenges_leave_nothing_behind() -> None:
    store = nonces()
    assert len({store.issue(1.0) for _ in range(1000)}) == 1000
    assert len(store) == 0


def test_what_is_changed_in_a_nonce_makes_it_forged() -> None:
    store = nonces()
    nonce = store.issue(50.0)
    for at in range(len(nonce)):
        other = "0" if nonce[at] != "0" else "1"
        assert store.standing(nonce[:at] + other + nonce[at + 1 :], 50.0) is Standing.FORGED
    for text in ("", "x", "é" * 60, nonce[1:], nonce + "0", "0" + nonce, nonce.upper()):
        assert store.standing(text, 50.0) is Standing.FORGED


def test_a_nonce_of_another_server_is_forged() -> None:
    assert nonces().standing(Nonces(SeededTokens(2)).issue(1.0), 1.0) is Standing.FORGED


def test_a_count_is_taken_once_in_any_order_within_the_window() -> None:
    store = nonces()
    nonce = store.issue(0.0)
    assert [store.spend(nonce, count) for count in (1, 5, 3, 5, 3, 1, 2, 4)] == [
        True, True, True, False, False, False, True, True,
    ]  # fmt: skip


def test_a_count_behind_the_window_is_refused_even_if_unused() -> None:
    store = nonces()
    nonce = store.issue(0.0)
    assert store.spend(nonce, WINDOW_COUNTS + 1)
    assert not store.spend(nonce, 1)
    assert store.spend(nonce, 2)
    assert store.spend(nonce, 2**32 - 1)
    assert not store.spend(nonce, WINDOW_COUNTS + 1)


def test_a_nonce_forgotten_for_want_of_room_is_stale_and_not_new() -> None:
    store = nonces(remembered_max=2)
    first, second, third = (store.issue(at) for at in (1.0, 2.0, 3.0))
    assert all(store.spend(nonce, 1) for nonce in (first, second, third))
    assert store.standing(first, 4.0) is Standing.STALE
    assert store.standing(second, 4.0) is store.standing(third, 4.0) is Standing.GOOD


def test_what_is_old_is_dropped() -> None:
    store = nonces()
    for at in range(5):
        store.spend(store.issue(float(at)), 1)
    store.forget_old(LIFETIME_S + 2.5)
    assert len(store) == 2


def test_a_nonce_tells_whom_it_went_to_and_is_good_from_anywhere() -> None:
    store = nonces()
    nonce = store.issue(50.0, "192.0.2.1")
    assert store.went_to(nonce, "192.0.2.1")
    assert not store.went_to(nonce, "192.0.2.2")
    assert not store.went_to(nonce, "")
    assert store.standing(nonce, 60.0) is Standing.GOOD


class NonceModel(RuleBasedStateMachine):
    """Whatever is answered, aged and forgotten: no pair of nonce and count is ever taken twice."""

    issued = Bundle("issued")

    def __init__(self) -> None:
        super().__init__()
        self.store = nonces(remembered_max=3)
        self.now = 0.0
        self.made: dict[str, float] = {}
        self.taken: set[tuple[str, int]] = set()

    @rule(target=issued)
    def issue(self) -> str:
        nonce = self.store.issue(self.now)
        assert nonce not in self.made
        self.made[nonce] = self.now
        return nonce

    @rule(seconds=st.floats(0.0, 60.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def forget(self) -> None:
        self.store.forget_old(self.now)

    @rule(nonce=issued, count=st.integers(1, 200))
    def answer(self, nonce: str, count: int) -> None:
        standing = self.store.standing(nonce, self.now)
        assert standing is not Standing.FORGED
        if standing is Standing.STALE:
            return
        assert self.now - self.made[nonce] < LIFETIME_S + 0.001
        if self.store.spend(nonce, count):
            assert (nonce, count) not in self.taken
            self.taken.add((nonce, count))
        else:
            used = [c for n, c in self.taken if n == nonce]
            assert count in used or count <= max(used) - WINDOW_COUNTS

    @invariant()
    def memory_is_bounded(self) -> None:
        assert len(self.store) <= 3


TestNonceModel = NonceModel.TestCase
TestNonceModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
