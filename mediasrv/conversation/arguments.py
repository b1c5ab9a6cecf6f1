"""A tool's arguments, held against its JSON schema before the tool sees them.

A model writes arguments, and it may write anything. What does not fit is told to the model in the schema's words, and
it may ask again; the tool is never run. A schema is the operator's: it is compiled once, when the agent is built, and
refers to nothing outside itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache

import fastjsonschema

from mediasrv.errors import ConfigError

Check = Callable[[Mapping[str, object]], str]  # what is wrong with arguments; empty: nothing

COMPILED_SCHEMAS = 256  # kept, so that the calls of an agent do not compile its tools anew


def check_for(tool: str, parameters: Mapping[str, object]) -> Check:
    """ConfigError when the schema is none."""
    try:
        return _compiled(json.dumps(parameters, sort_keys=True))
    except (fastjsonschema.JsonSchemaDefinitionException, _Elsewhere, TypeError, ValueError) as error:
        raise ConfigError(f"tool {tool}: parameters", f"must be a JSON schema: {error}") from error


@lru_cache(COMPILED_SCHEMAS)
def _compiled(schema: str) -> Check:
    validate = fastjsonschema.compile(
        json.loads(schema),
        handlers=dict.fromkeys(("http", "https", "ftp", "file", ""), _refuse),
        use_default=False,
    )

    def check(arguments: Mapping[str, object]) -> str:
        try:
            validate(dict(arguments))
        except fastjsonschema.JsonSchemaValueException as error:
            return str(error.message).replace("data.", "", 1)
        return ""

    return check


class _Elsewhere(Exception):
    """A schema refers to another document, which nobody here fetches."""


def _refuse(uri: str) -> object:
    raise _Elsewhere(f"refers to {uri}")
