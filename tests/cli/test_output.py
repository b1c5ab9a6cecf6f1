"""Tables print what they were given."""

import pytest

from mediasrv.cli.output import print_table


def test_brackets_in_a_cell_are_text_and_not_markup(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("what",), [("pip install 'mediasrv[local]'",)])
    assert "pip install 'mediasrv[local]'" in capsys.readouterr().out
