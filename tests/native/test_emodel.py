"""The E-model against the whole of G.107, and against what G.107 and G.113 promise."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediasrv_native.rtp import G711, G711_BARE, G722, L16, OPUS, emodel
from tests.reference import emodel as reference
from tests.reference.emodel import Connection

GRAIN = 0.01  # of MOS: the model itself likes 1 ms of delay a hair better than none
ROBUSTNESS = {G711: 25.1, G711_BARE: 4.3}  # G.113, table I.2

codecs = st.sampled_from([G711, G711_BARE, G722, L16, OPUS])
shares = st.floats(0, 1)
bursts = st.floats(1, 10)
delays = st.floats(0, 2_000)


def test_defaults_rate_93_2_as_the_recommendation_promises() -> None:
    assert reference.rating(Connection()) == pytest.approx(93.2, abs=0.05)
    assert emodel(G711, 0).r == pytest.approx(93.2, abs=0.05)


@pytest.mark.parametrize(("r", "mos"), [(90, 4.34), (80, 4.03), (70, 3.60), (60, 3.10), (50, 2.58)])
def test_the_reference_maps_ratings_as_g_107_table_b_1_does(r: float, mos: float) -> None:
    assert reference.mos(r) == pytest.approx(mos, abs=0.01)  # printed to two places


@given(codec=st.sampled_from([G711, G711_BARE]), loss=shares, burst=bursts, delay=delays)
def test_it_agrees_with_the_whole_model(codec: int, loss: float, burst: float, delay: float) -> None:
    connection = Connection(loss_percent=100 * loss, burst_ratio=burst, bpl=ROBUSTNESS[codec], delay_ms=delay)
    r = max(0.0, min(100.0, reference.rating(connection)))
    rated = emodel(codec, loss, burst, delay)
    assert rated.r == pytest.approx(
        r, abs=0.1
    )  # sidetone, which delay touches a little, is taken as constant
    assert rated.conversational_mos == pytest.approx(max(1.0, reference.mos(r)), abs=0.01)


@given(codec=codecs, loss=shares, burst=bursts, delay=delays)
def test_a_rating_keeps_within_its_scale(codec: int, loss: float, burst: float, delay: float) -> None:
    rated = emodel(codec, loss, burst, delay)
    assert 0 <= rated.r <= 100
    assert 1 <= rated.listening_mos <= 4.5
    assert 1 <= rated.conversational_mos <= rated.listening_mos + GRAIN


@given(codec=codecs, less=shares, more=shares, burst=bursts)
def test_more_loss_never_sounds_better(codec: int, less: float, more: float, burst: float) -> None:
    less, more = sorted((less, more))
    assert emodel(codec, more, burst).listening_mos <= emodel(codec, less, burst).listening_mos + 1e-6


@given(codec=codecs, loss=shares, delay=delays)
def test_delay_is_not_heard_but_felt(codec: int, loss: float, delay: float) -> None:
    assert emodel(codec, loss, 1, delay).listening_mos == emodel(codec, loss).listening_mos
    assert emodel(codec, loss, 1, delay).conversational_mos <= emodel(codec, loss).conversational_mos + GRAIN


def test_loss_in_bursts_is_worse_and_concealment_helps() -> None:
    assert emodel(G711, 0.05, 3).r < emodel(G711, 0.05, 1).r
    assert emodel(G711_BARE, 0.05).r < emodel(G711, 0.05).r


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, -1.0, 1e30])
def test_nonsense_is_rated_as_the_nearest_sense(bad: float) -> None:
    for rated in (emodel(G711, bad), emodel(OPUS, 0.1, bad), emodel(G722, 0.1, 1, bad), emodel(200, 0.1)):
        assert all(math.isfinite(figure) for figure in rated)
        assert 1 <= rated.conversational_mos <= 4.5
