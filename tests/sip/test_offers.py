"""Every pair of state and move of the offer/answer table, and the refusal that an offer of the peer's deserves."""

from __future__ import annotations

import pytest

from mediasrv.sip import WrongState
from mediasrv.sip.dialogs.offers import STEPS, Move, Offers, Open

# RFC 3264 section 4, RFC 3311 section 5.1 and 5.2, written down a second time.
FIGURE = """
    STABLE WE_OFFER OURS | STABLE THEY_OFFER THEIRS | STABLE DROP STABLE |
    OURS THEY_ANSWER STABLE | OURS DROP STABLE |
    THEIRS WE_ANSWER STABLE | THEIRS DROP STABLE"""
ALLOWED = {tuple(step.split()[:2]): step.split()[2] for step in FIGURE.split("|")}


@pytest.mark.parametrize("move", Move)
@pytest.mark.parametrize("state", Open)
def test_every_pair_does_what_the_figure_says_or_raises(state: Open, move: Move) -> None:
    offers = Offers(state)
    following = ALLOWED.get((state.name, move.name))
    if following is None:
        with pytest.raises(WrongState):
            offers.move(move)
        assert offers.state is state
    else:
        offers.move(move)
        assert offers.state.name == following


def test_the_table_has_every_state() -> None:
    assert set(STEPS) == set(Open)


@pytest.mark.parametrize(("state", "status"), [(Open.STABLE, None), (Open.OURS, 491), (Open.THEIRS, 500)])
def test_an_offer_of_the_peers_is_refused_as_rfc_3311_says(state: Open, status: int | None) -> None:
    assert Offers(state).refusal() == status
