from concurrent.futures import ThreadPoolExecutor
from itertools import chain

import pytest

from mediasrv.ids import DRAWN_AT_ONCE, SystemTokens


@pytest.mark.parametrize("bits", [1, 7, 8, 30, 62, 64, 300])
def test_a_number_stays_below_its_bits(bits: int) -> None:
    tokens = SystemTokens()
    assert all(0 <= tokens.number(bits) < 2**bits for _ in range(200))


def test_every_bit_of_a_number_is_drawn() -> None:
    tokens, seen = SystemTokens(), 0
    for _ in range(200):
        seen |= tokens.number(11)
    assert seen == 2**11 - 1


@pytest.mark.parametrize("nbytes", [1, 8, DRAWN_AT_ONCE * 3])
def test_a_token_is_as_long_as_it_was_asked_for(nbytes: int) -> None:
    assert len(bytes.fromhex(SystemTokens().token(nbytes))) == nbytes


def test_nothing_is_drawn_twice_not_even_by_several_threads() -> None:
    tokens, each = SystemTokens(), 4 * DRAWN_AT_ONCE // 16
    with ThreadPoolExecutor(8) as threads:
        drawn = list(
            chain.from_iterable(threads.map(lambda _: [tokens.token(16) for _ in range(each)], range(8)))
        )
    assert len(set(drawn)) == 8 * each
