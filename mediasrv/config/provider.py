"""One provider: which adapter reaches it, where, and with which key."""

from __future__ import annotations

from typing import Annotated

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
