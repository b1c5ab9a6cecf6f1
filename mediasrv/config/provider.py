"""One provider: which adapter reaches it, where, and with which key; and one of its voices, by a name of our own."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from mediasrv.config.secret import Secret


class ProviderSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What speaks, listens or thinks for agents, by a name that they use."""

    adapter: Annotated[
        str, Meta(description="Which adapter reaches it, as in `openai`; docs/providers.md lists them.")
    ] = ""
    key: Annotated[
        Secret, Meta(description="Its key; rather in the environment, in the adapter's own variable.")
    ] = Secret()
    base_url: Annotated[str, Meta(description="Where it is; empty: where the adapter knows it to be.")] = ""
    model: Annotated[str, Meta(description="Its model; empty: the adapter's choice.")] = ""
    voice: Annotated[str, Meta(description="Its voice, where an agent names none that it has.")] = ""
    first_s: Annotated[
        float, Meta(description="How long its first piece of an answer may take.", gt=0, le=60)
    ] = 4.0
    attempts: Annotated[
        int, Meta(description="How often it is asked, before the next one in an agent's list is.", ge=1, le=5)
    ] = 2
    options: Annotated[
        dict[str, str | int | float | bool],
        Meta(description="Handed to the provider as they are, where the adapter allows it."),
    ] = field(default_factory=dict)


class VoiceSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A voice that agents name: of which provider, and like what, so that another's nearest can stand in for it."""

    provider: Annotated[str, Meta(description="Whose voice it is: a NAME of `[providers.NAME]`.")] = ""
    voice: Annotated[
        str, Meta(description="What that provider calls it; empty: the provider's own choice.")
    ] = ""
    language: Annotated[
        str, Meta(description="What it speaks, as in `en` or `hi-IN`; empty: whatever it is given.")
    ] = ""
    gender: Annotated[
        Literal["", "female", "male", "neutral"], Meta(description="How it sounds; empty: not said.")
    ] = ""
    style: Annotated[str, Meta(description="Words for how it speaks, as in `calm, warm`.")] = ""
