"""The two families of errors: ours (we asked for something wrong) and the peer's (it sent something wrong)."""

from __future__ import annotations


class MediasrvError(Exception):
    """Anything this package raises on purpose."""


class LocalError(MediasrvError):
    """We did wrong: a call in the wrong state, an argument out of range."""


class RemoteError(MediasrvError):
    """The peer did wrong: what it sent is malformed, or not allowed now."""


class ConfigError(LocalError):
    """A setting is wrong; says where it stands and what would be right."""

    def __init__(self, key: str, problem: str, *, source: str = "", value: object = None) -> None:
        self.key, self.problem, self.source, self.value = key, problem, source, value
        where = f"{source}: {key}" if source else key
        shown = "" if value is None else f" = {value!r}"
        super().__init__(f"{where}{shown}: {problem}")


class AtCapacity(MediasrvError):
    """There is no room for another call just now: answered by 503, never by a starved call."""

    def __init__(self, what: str, retry_after_s: int = 5) -> None:
        self.what, self.retry_after_s = what, retry_after_s
        super().__init__(f"no room: {what}")


class StreamClosed(LocalError):
    """The stream was closed while somebody was using it."""


def leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    """The errors themselves, without the groups that nurseries put around them."""
    found: list[BaseException] = []
    for error in group.exceptions:
        found.extend(leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    return found
