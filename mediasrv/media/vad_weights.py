"""The weights of the network that confirms speech: those that are shipped, another file's, or none."""

from __future__ import annotations

import functools
from importlib import resources
from pathlib import Path

from mediasrv.errors import ConfigError
from mediasrv_native.errors import WrongArgument
from mediasrv_native.speech import SileroWeights

KEY = "media.vad_weights"
OFF = "off"
SHIPPED = "weights/silero_vad_16k.safetensors"
LARGEST_FILE = 16 << 20  # the network's has 1.2 MB


@functools.cache
def vad_weights(setting: str) -> SileroWeights | None:
    """`setting`: a file, "" for the shipped one, "off"; None: the gate alone decides. Read once for all engines."""
    if setting == OFF:
        return None
    if setting == "":
        return _shipped()
    path = Path(setting)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise ConfigError(KEY, "is too large to be Silero's weights", value=setting)
        return SileroWeights(path.read_bytes())
    except OSError as error:
        raise ConfigError(KEY, f"cannot be read: {error.strerror}", value=setting) from None
    except WrongArgument:
        problem = "is not a safetensors file of Silero VAD's weights for 16 kHz"
        raise ConfigError(KEY, problem, value=setting) from None


def _shipped() -> SileroWeights | None:
    """None where an installation has left them out: `doctor` says so, and the gate goes on alone."""
    file = resources.files("mediasrv_native").joinpath(SHIPPED)
    return SileroWeights(file.read_bytes()) if file.is_file() else None
