"""docs/configuration.md, printed from the settings themselves: `python -m mediasrv.config.reference`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args, get_origin

import msgspec

from mediasrv.config.load import ENVIRONMENT_PREFIX, allowed
from mediasrv.config.provider import ProviderSettings, VoiceSettings
from mediasrv.config.settings import Settings
from mediasrv.config.trunk import TrunkSettings

_INTRODUCTION = f"""# Configuration

One TOML file (`mediasrv serve --config FILE`), over it the environment, over both the command line's flags. Every
key has a default; with none set, the server takes calls from this machine only. A key's variable is
`{ENVIRONMENT_PREFIX}SECTION__KEY`: `{ENVIRONMENT_PREFIX}SIP__LISTEN=127.0.0.1:5070` is `sip.listen`. Lists are written
there with commas, tables as JSON objects. What is wrong is refused at the start, with its place and what would be
right. This page is printed by `python -m mediasrv.config.reference`.

```toml
[sip]
listen = "0.0.0.0:5060"
advertised = "198.51.100.20"

[agents]
default = ""
numbers = {{ "+442079460018" = "scripted", "+4420*" = "menu" }}

[trunks.office]
profile = "twilio"          # the carrier's half of the trunk: mediasrv/config/trunks
sources = ["192.0.2.0/24"]  # yours to fill in: carriers change their addresses, and publish them
country_code = "44"
```
"""

_FORMS = {
    "HostPort": '"ADDRESS:PORT"',
    "Host": "an IP address, or empty",
    "PortRange": '"FIRST-LAST"',
    "Secret": "text, in quotes",
    "Network": "a list of addresses and blocks",
}


_NAMED = {"trunks": TrunkSettings(), "providers": ProviderSettings(), "voices": VoiceSettings()}


@dataclass(frozen=True, slots=True)
class Key:
    """One line of the reference."""

    name: str
    allowed: str
    default: str
    description: str


def keys() -> Iterator[Key]:
    defaults = Settings()
    for section in msgspec.structs.fields(Settings):
        value = getattr(defaults, section.name)
        if isinstance(value, msgspec.Struct):
            yield from _section(section.name, value)
        else:  # a table of sections with names of the operator's choice
            yield from _section(f"{section.name}.NAME", _NAMED[section.name])


def _section(name: str, defaults: msgspec.Struct) -> Iterator[Key]:
    for field in msgspec.structs.fields(defaults):
        default = getattr(defaults, field.name)
        hint, meta = get_args(field.type)[:2]
        yield Key(f"{name}.{field.name}", _form(field.type, hint), _printed(default), meta.description)


def _form(annotated: Any, plain: Any) -> str:
    if get_origin(plain) is dict:
        return "a table"
    kind = get_args(plain)[0] if get_origin(plain) is tuple else plain
    return _FORMS.get(getattr(kind, "__name__", "")) or allowed(annotated)


def _printed(value: object) -> str:
    if isinstance(value, tuple):
        return json.dumps([str(one) for one in value])
    return json.dumps(value) if isinstance(value, str | bool | int | float | dict) else json.dumps(str(value))


def render() -> str:
    """The whole page."""
    lines, section = [_INTRODUCTION], ""
    for key in keys():
        here = key.name.rpartition(".")[0]
        if here != section:
            section = here
            lines += ["", f"## `[{section}]`", "", "| key | takes | default | |", "|---|---|---|---|"]
        lines.append(f"| `{key.name}` | {key.allowed} | `{key.default}` | {key.description} |")
    lines += [
        "",
        'The trunk `local` with the sources `["127.0.0.0/8", "::1/128"]` is there unless a `[trunks]` table is given.',
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(render(), end="")
