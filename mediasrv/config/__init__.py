"""What the operator decides: one TOML file, environment variables over it, flags over both.

`settings` and `trunk` say what there is to decide, with types, limits and defaults; `load` reads the three sources
into it and names file, key, value and remedy when something is wrong; `reference` prints the list of keys for people.
"""

from mediasrv.config.addresses import Host, HostPort, Network, PortRange
from mediasrv.config.load import CONFIG_FILE_VARIABLE, ENVIRONMENT_PREFIX, load
from mediasrv.config.provider import ProviderSettings, VoiceSettings
from mediasrv.config.secret import Secret
from mediasrv.config.settings import (
    USER_TARGET,
    USERS_TRUNK,
    AgentsSettings,
    CallsSettings,
    MediaSettings,
    ServerSettings,
    Settings,
    SipSettings,
    UsersSettings,
)
from mediasrv.config.trunk import TrunkSettings

__all__ = [
    "CONFIG_FILE_VARIABLE",
    "ENVIRONMENT_PREFIX",
    "USERS_TRUNK",
    "USER_TARGET",
    "AgentsSettings",
    "CallsSettings",
    "Host",
    "HostPort",
    "MediaSettings",
    "Network",
    "PortRange",
    "ProviderSettings",
    "Secret",
    "ServerSettings",
    "Settings",
    "SipSettings",
    "TrunkSettings",
    "UsersSettings",
    "VoiceSettings",
    "load",
]
