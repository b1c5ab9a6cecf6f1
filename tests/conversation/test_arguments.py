from __future__ import annotations

import pytest

from mediasrv.conversation.arguments import check_for
from mediasrv.errors import ConfigError

TABLE = {
    "type": "object",
    "properties": {"people": {"type": "integer", "minimum": 1, "maximum": 12}, "name": {"type": "string"}},
    "required": ["people"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"people": 4}, ""),
        ({"people": 4, "name": "Ann"}, ""),
        ({}, "people"),
        ({"people": "four"}, "people must be integer"),
        ({"people": 40}, "people must be smaller"),
        ({"people": 4, "dog": True}, "dog"),
    ],
)
def test_arguments_that_do_not_fit_are_told_of_in_the_schemas_words(
    arguments: dict[str, object], problem: str
) -> None:
    found = check_for("book", TABLE)(arguments)
    assert problem in found
    assert bool(found) == bool(problem)


@pytest.mark.parametrize(
    "schema", [{"type": "table"}, {"$ref": "http://127.0.0.1:1/other.json"}, {"$ref": "file:///etc/passwd"}]
)
def test_a_schema_that_is_none_or_lies_elsewhere_is_refused(schema: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="tool book: parameters"):
        check_for("book", schema)
