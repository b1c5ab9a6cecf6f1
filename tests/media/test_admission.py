from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv.errors import AtCapacity, LocalError
from mediasrv.media.admission import Admission, Reservation, Share
from mediasrv.media.spec import Cost


def test_what_was_given_back_can_be_promised_again() -> None:
    books = Admission(streams=2, millicores=10)
    reservation = books.reserve(Cost(streams=2, millicores=10))
    with pytest.raises(AtCapacity):
        books.reserve(Cost())
    reservation.release()
    reservation.release()
    books.reserve(Cost(streams=2, millicores=10))


def test_time_runs_out_before_streams_do() -> None:
    books = Admission(streams=100, millicores=10)
    books.reserve(Cost(millicores=6))
    with pytest.raises(AtCapacity, match="thousandths"):
        books.reserve(Cost(millicores=6))


def test_a_share_outlives_its_reservation() -> None:
    books = Admission(streams=2, millicores=10)
    reservation = books.reserve(Cost(streams=2, millicores=10))
    share = reservation.take()
    reservation.release()
    assert (books.streams_promised, books.millicores_promised) == (1, 5)
    with pytest.raises(LocalError):
        reservation.take()
    share.release()
    share.release()
    assert (books.streams_promised, books.millicores_promised) == (0, 0)


@pytest.mark.parametrize("cost", [Cost(streams=0), Cost(streams=-1), Cost(millicores=-1)])
def test_a_call_that_costs_nothing_is_a_mistake(cost: Cost) -> None:
    with pytest.raises(ValueError):
        Admission(1, 1).reserve(cost)


@given(
    st.lists(
        st.tuples(st.sampled_from(["reserve", "take", "release", "share"]), st.integers(0, 9)), max_size=60
    )
)
def test_promises_never_exceed_what_is_there(steps: list[tuple[str, int]]) -> None:
    books = Admission(streams=8, millicores=20)
    reservations: list[Reservation] = []
    shares: list[Share] = []
    for step, n in steps:
        try:
            if step == "reserve":
                reservations.append(books.reserve(Cost(streams=1 + n % 3, millicores=n)))
            elif step == "take" and reservations:
                shares.append(reservations[n % len(reservations)].take())
            elif step == "release" and reservations:
                reservations[n % len(reservations)].release()
            elif step == "share" and shares:
                shares[n % len(shares)].release()
        except (AtCapacity, LocalError):
            pass
        assert 0 <= books.streams_promised <= 8
        assert -1e-9 <= books.millicores_promised <= 20 + 1e-9
    for part in (*reservations, *shares):
        part.release()
    assert (books.streams_promised, books.millicores_promised) == (0, 0)
