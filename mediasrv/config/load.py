"""Three sources, one result: the file, over it the environment, over both the flags.

Each value is kept with the place it came from until it has been converted, so that an error can say
`mediasrv.toml: sip.listen = 'x': write "ADDRESS:PORT" ...` and never merely that something was wrong. A key is
converted alone: msgspec checks its type and limits, addresses parse themselves.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec
from msgspec import inspect as shape

from mediasrv.config.addresses import Host, HostPort, Network, PortRange
from mediasrv.config.secret import Secret
from mediasrv.config.settings import Settings
from mediasrv.config.trunk import PROFILES_IN, ProfileName, TrunkSettings
from mediasrv.errors import ConfigError

ENVIRONMENT_PREFIX = "MEDIASRV_"
CONFIG_FILE_VARIABLE = "MEDIASRV_CONFIG"  # names the file itself, for the command line
FILE_BYTES_MAX = 1_000_000

SECRETS = ("password",)  # keys whose values no error repeats, even written under a name with a slip in it
_WORDS = (Host, HostPort, PortRange, Network, Secret)
_TABLE = "a table"


@dataclass(frozen=True, slots=True)
class _Given:
    """A value as somebody wrote it, and where."""

    value: Any
    source: str
    is_text: bool = False  # from the environment or a flag: "5" may mean the number


_Tree = dict[str, "_Given | _Tree"]


def load(
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, tuple[str, str]] | None = None,
    table: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings; `flags` maps a key (`sip.listen`) to the flag's name and its value. Raises ConfigError.

    `table`: settings that were once in force, as a recording has them.
    """
    given: _Tree = {}
    if table is not None:
        _put_table(given, table, "the recording")
    if file is not None:
        _put_table(given, _read_file(file), str(file))
    for name, text in sorted((environment or {}).items()):
        if name.startswith(ENVIRONMENT_PREFIX) and name != CONFIG_FILE_VARIABLE:
            path = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
            if path[0] not in Settings.__struct_fields__ and len(path) < 2:
                raise ConfigError(name, _unknown_variable(name), source="environment")
            _put(given, path, _Given(text, f"environment {name}", is_text=True))
    for key, (flag, text) in (flags or {}).items():
        _put(given, key.split("."), _Given(text, flag, is_text=True))
    settings = _struct(Settings, given, "")
    assert isinstance(settings, Settings)
    return settings


def _read_file(file: Path) -> dict[str, Any]:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ConfigError("--config", f"cannot be read: {error.strerror}", value=str(file)) from error
    if len(data) > FILE_BYTES_MAX:
        raise ConfigError("--config", f"larger than {FILE_BYTES_MAX} bytes", value=str(file))
    try:
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError("not TOML", str(error), source=str(file)) from error


def _put_table(tree: _Tree, table: Mapping[str, Any], source: str) -> None:
    for key, value in table.items():
        if isinstance(value, dict):
            branch: _Tree = {}
            _put_table(branch, value, source)
            tree[key] = branch or _Given({}, source)
        else:
            tree[key] = _Given(value, source)


def _put(tree: _Tree, path: list[str], leaf: _Given) -> None:
    for key in path[:-1]:
        branch = tree.get(key)
        if not isinstance(branch, dict):
            branch = tree[key] = {}
        tree = branch
    tree[path[-1]] = leaf


def _struct(kind: Any, tree: _Given | _Tree, key: str) -> msgspec.Struct:
    """One section, key by key."""
    if isinstance(tree, _Given):
        if tree.value != {}:
            problem = f"must be {_TABLE} with some of {_listed(kind.__struct_fields__)}"
            raise ConfigError(key, problem, **_said(tree))
        tree = {}
    fields = {name: hint for name, hint in _hints(kind).items() if name in kind.__struct_fields__}
    values = {}
    for name, branch in tree.items():
        path = f"{key}.{name}" if key else name
        if name not in fields:
            said = {} if _is_secret(name) else _said(_first(branch))
            raise ConfigError(path, _unknown(name, fields), **said)
        values[name] = _value(fields[name], branch, path)
    try:
        built = kind(**values)
    except ValueError as error:  # what a section demands of its keys together
        raise ConfigError(key, str(error), source=_last(tree).source) from error
    assert isinstance(built, msgspec.Struct)
    return built


def _value(hint: Any, given: _Given | _Tree, key: str) -> Any:
    plain = get_args(hint)[0] if hasattr(hint, "__metadata__") else hint
    if plain is TrunkSettings:
        given = _over_profile(given)
    if isinstance(plain, type) and issubclass(plain, msgspec.Struct):
        return _struct(plain, given, key)
    if get_origin(plain) is dict:
        inner = get_args(plain)[1]
        return {name: _value(inner, branch, f"{key}.{name}") for name, branch in _table(given, key).items()}
    if isinstance(given, dict):
        leaf = _first(given)
        raise ConfigError(key, f"must be one value, not {_TABLE}", source=leaf.source)
    try:
        return _convert(hint, plain, given)
    except (msgspec.ValidationError, msgspec.DecodeError, ValueError) as error:
        hidden = plain is Secret or _is_secret(key.rpartition(".")[2])
        shown = {"source": given.source} if hidden else _said(given)
        raise ConfigError(key, _right(hint, plain, str(error)), **shown) from error


def _over_profile(given: _Given | _Tree) -> _Given | _Tree:
    """The carrier's half of a trunk, and over it what the operator wrote; a wrong name is left to be refused."""
    own: _Tree = given if isinstance(given, dict) else {}
    chosen = own.get("profile")
    name = chosen.value if isinstance(chosen, _Given) else "generic"
    if (isinstance(given, _Given) and given.value != {}) or name not in get_args(ProfileName):
        return given
    tree: _Tree = {}
    file = PROFILES_IN / f"{name}.toml"
    _put_table(tree, _read_file(file), str(file))
    return {
        **{key: value for key, value in tree.items() if key not in own},
        **own,
    }  # the operator's come last


def _table(given: _Given | _Tree, key: str) -> _Tree:
    """A table with names of the operator's choice; the environment writes it as a JSON object."""
    if isinstance(given, dict):
        return given
    try:
        value = msgspec.json.decode(given.value) if given.is_text else given.value
        table: _Tree = {}
        _put_table(table, msgspec.convert(value, dict[str, Any]), given.source)
    except msgspec.MsgspecError as error:
        problem = "must be a table of names (in the environment: a JSON object)"
        raise ConfigError(key, problem, **_said(given)) from error
    return table


def _convert(hint: Any, plain: Any, given: _Given) -> Any:
    value = given.value
    if plain in _WORDS:
        return plain.parse(msgspec.convert(value, str))
    if get_origin(plain) is tuple and get_args(plain)[0] in _WORDS:
        words = value.split(",") if given.is_text else msgspec.convert(value, list[str])
        return tuple(get_args(plain)[0].parse(word.strip()) for word in words)
    if get_origin(plain) is tuple and given.is_text:
        value = [word.strip() for word in value.split(",") if word.strip()]
    return msgspec.convert(value, hint, strict=not given.is_text)


def _hints(kind: type[msgspec.Struct]) -> dict[str, Any]:
    from_struct = msgspec.structs.fields(kind)
    return {one.name: one.type for one in from_struct}


def _right(hint: Any, plain: Any, problem: str) -> str:
    """What would be right."""
    if plain in _WORDS or (get_origin(plain) is tuple and get_args(plain)[0] in _WORDS):
        return problem if problem.startswith(("write", "the ")) else "must be text, in quotes"
    return f"must be {allowed(hint)}"


def allowed(hint: Any) -> str:
    """The values that a key takes, in words."""
    kind = shape.type_info(hint)
    if isinstance(kind, shape.Metadata):
        kind = kind.type
    if isinstance(kind, shape.LiteralType):
        return "one of " + ", ".join(f'"{value}"' for value in kind.values)
    if isinstance(kind, shape.VarTupleType):
        plain = get_args(hint)[0] if hasattr(hint, "__metadata__") else hint
        return f"a list, each {allowed(get_args(plain)[0])}"
    if isinstance(kind, shape.BoolType):
        return "true or false"
    if isinstance(kind, shape.IntType | shape.FloatType):
        noun = "a whole number" if isinstance(kind, shape.IntType) else "a number"
        return f"{noun} {_limits(kind)}".strip()
    return "text, in quotes"


def _limits(kind: shape.IntType | shape.FloatType) -> str:
    low = f"from {kind.ge:g}" if kind.ge is not None else f"above {kind.gt:g}" if kind.gt is not None else ""
    high = f"to {kind.le:.12g}" if kind.le is not None else ""
    return f"{low} {high}".strip()


def _unknown_variable(name: str) -> str:
    sections = [field.name for field in msgspec.structs.fields(Settings)]
    known = {
        f"{ENVIRONMENT_PREFIX}{section}__{key}".upper()
        for section in sections
        for key in getattr(getattr(Settings(), section), "__struct_fields__", ())
    }
    near = difflib.get_close_matches(name.upper(), known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    form = f"write {ENVIRONMENT_PREFIX}SECTION__KEY, with two underscores"
    return f"no such setting; {hint}{form}; the sections are {_listed(sections)}"


def _unknown(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f'did you mean "{near[0]}"? ' if near else ""
    return f"unknown; {hint}there is {_listed(known)}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _first(tree: _Given | _Tree) -> _Given:
    while isinstance(tree, dict):
        tree = next(iter(tree.values()))
    return tree


def _last(tree: _Given | _Tree) -> _Given:
    """What was written last, which is the operator's and not a profile's."""
    while isinstance(tree, dict):
        tree = list(tree.values())[-1]
    return tree


def _is_secret(name: str) -> bool:
    """Whether what was written there may be a password, be it under a name that has a slip in it."""
    return bool(difflib.get_close_matches(name.lower(), SECRETS, n=1))


def _said(given: _Given) -> dict[str, Any]:
    return {"source": given.source, "value": given.value}
