"""PJSIP, started and ended; everything happens in the caller's thread. There can be one in a process."""

# ruff: noqa: N802 - the names of callbacks are PJSIP's

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import pjsua2 as pj

from tools.softphone.call import PhoneCall
from tools.softphone.deck import Tape

POLL_MS = 10
G711 = ("PCMU", "PCMA")
CODECS = (*G711, "G722")
FIRST_PRIORITY = 255  # of PJSIP; 0 is not offered
TRANSPORTS: Mapping[str, int] = {
    "udp": pj.PJSIP_TRANSPORT_UDP,
    "tcp": pj.PJSIP_TRANSPORT_TCP,
    "tls": pj.PJSIP_TRANSPORT_TLS,
}
SRTP: Mapping[str, int] = {  # with keys in the descriptions: this build of PJSIP has no DTLS
    "off": pj.PJMEDIA_SRTP_DISABLED,
    "optional": pj.PJMEDIA_SRTP_OPTIONAL,
    "mandatory": pj.PJMEDIA_SRTP_MANDATORY,
}


@dataclass(frozen=True, slots=True)
class PhoneSettings:
    codecs: Sequence[str] = G711
    srtp: str = "off"
    user: str = "softphone"
    password: str = ""
    registrar: str = ""  # a URI; empty: nobody is told where we are
    local_port: int = 0  # of UDP; 0: any
    reliable_ringing: bool = False  # required of whom we call (RFC 3262)
    log_level: int = 0


class PhoneAccount(pj.Account):  # type: ignore[misc]
    def __init__(self, came: Callable[[int], None]) -> None:
        super().__init__()
        self._came = came
        self.registration = 0

    def onIncomingCall(self, invited: pj.OnIncomingCallParam) -> None:
        self._came(invited.callId)

    def onRegState(self, told: pj.OnRegStateParam) -> None:
        self.registration = told.code


class Softphone:
    def __init__(self, settings: PhoneSettings) -> None:
        self.calls: list[PhoneCall] = []
        self.tape: Tape | None = None  # for the next call
        self._settings = settings
        self._endpoint = pj.Endpoint()
        self._account = PhoneAccount(self._came)
        self._port = 0

    def __enter__(self) -> Self:
        self._start_library()
        self._open_transports()
        self._endpoint.libStart()
        self._endpoint.audDevManager().setNullDev()
        self._choose_codecs()
        self._account.create(self._identity())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        while self.calls:
            self.calls.pop().let_go()  # and no name keeps it: calls die before the library, or it aborts
        self._account.shutdown()
        self._endpoint.libDestroy()

    def _start_library(self) -> None:
        config = pj.EpConfig()
        config.uaConfig.threadCnt = 0
        config.uaConfig.mainThreadOnly = True
        config.logConfig.level = config.logConfig.consoleLevel = self._settings.log_level
        config.medConfig.noVad = True
        self._endpoint.libCreate()
        self._endpoint.libInit(config)

    def _open_transports(self) -> None:
        transport = pj.TransportConfig()
        transport.boundAddress = "127.0.0.1"
        for name, kind in TRANSPORTS.items():
            transport.port = self._settings.local_port if name == "udp" else 0
            opened = self._endpoint.transportCreate(kind, transport)
            if name == "udp":
                place = self._endpoint.transportGetInfo(opened).localName
                self._port = int(place.rpartition(":")[2])

    def _choose_codecs(self) -> None:
        priorities = {name: FIRST_PRIORITY - place for place, name in enumerate(self._settings.codecs)}
        for codec in self._endpoint.codecEnum2():
            name = codec.codecId.partition("/")[0]
            self._endpoint.codecSetPriority(codec.codecId, priorities.get(name, 0))

    def _identity(self) -> pj.AccountConfig:
        settings, account = self._settings, pj.AccountConfig()
        account.idUri = f"sip:{settings.user}@{host_of(settings.registrar) or '127.0.0.1'}"
        account.mediaConfig.transportConfig.boundAddress = "127.0.0.1"
        account.mediaConfig.srtpUse = SRTP[settings.srtp]
        account.mediaConfig.srtpSecureSignaling = 0  # keys in the clear: they never leave the machine
        if settings.reliable_ringing:
            account.callConfig.prackUse = pj.PJSUA_100REL_MANDATORY
        account.regConfig.registrarUri = settings.registrar
        account.regConfig.retryIntervalSec = 0  # a refusal is told, not tried again
        if settings.password:
            secret = pj.AuthCredInfo("digest", "*", settings.user, 0, settings.password)
            account.sipConfig.authCreds.append(secret)
        return account

    @property
    def contact(self) -> str:
        """Where we can be called without a registrar."""
        return f"sip:{self._settings.user}@127.0.0.1:{self._port}"

    @property
    def registration(self) -> int:
        """The last status of the registrar; 0 while it has not answered."""
        return self._account.registration

    def dial(self, uri: str) -> PhoneCall:
        call = PhoneCall(self._account, self.calls.append, uri, self._take_tape())
        self.calls.append(call)
        call.makeCall(uri, pj.CallOpParam(True))
        return call

    def _came(self, number: int) -> None:
        call = PhoneCall(self._account, self.calls.append, "", self._take_tape(), number)
        call.outcome.uri = call.getInfo().remoteUri
        self.calls.append(call)

    def _take_tape(self) -> Tape | None:
        """The first call is recorded, and no other writes into its file."""
        tape, self.tape = self.tape, None
        return tape

    def handle_events(self) -> None:
        """Waits for a moment at most."""
        self._endpoint.libHandleEvents(POLL_MS)
        for call in self.calls:
            call.listen()

    def hang_up_all(self) -> None:
        for call in self.calls:
            if not call.over:
                call.hang_up()


def host_of(uri: str) -> str:
    """`host:port` of a SIP URI, without its user and its parameters."""
    return uri.partition(":")[2].partition(";")[0].rpartition("@")[2]
