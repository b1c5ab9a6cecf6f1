from pathlib import Path

from mediasrv.config.reference import keys, render

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_page_is_what_the_settings_say() -> None:
    assert PAGE.read_text() == render(), (
        "print it again: python -m mediasrv.config.reference > docs/configuration.md"
    )


def test_every_key_says_what_it_is_for() -> None:
    for key in keys():
        assert key.description.endswith("."), key.name
