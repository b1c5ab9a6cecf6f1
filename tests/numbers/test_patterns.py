import itertools

import pytest

from mediasrv.numbers import Pattern, best

PATTERNS = [Pattern.parse(text) for text in ("*", "+44*", "+4420*", "+442079460018", "200", "*97")]


@pytest.mark.parametrize(
    ("number", "pattern"),
    [
        ("+442079460018", "+442079460018"),
        ("+442079460019", "+4420*"),
        ("+44", "+44*"),
        ("+1", "*"),
        ("200", "200"),
        ("2000", "*"),
        ("*97", "*97"),
        ("", "*"),
    ],
)
def test_the_most_particular_pattern_wins_in_any_order(number: str, pattern: str) -> None:
    for order in itertools.permutations(PATTERNS):
        assert str(best(order, number)) == pattern


def test_a_number_that_no_pattern_holds_belongs_to_none() -> None:
    assert best([Pattern.parse("200")], "20") is None
    assert best([], "200") is None


@pytest.mark.parametrize("text", ["", "2*0", "**", "+44*20*"])
def test_a_star_elsewhere_is_a_slip(text: str) -> None:
    if text == "**":
        assert Pattern.parse(text) == Pattern("*", is_prefix=True)  # every service code
        return
    with pytest.raises(ValueError, match="ends in a star"):
        Pattern.parse(text)
