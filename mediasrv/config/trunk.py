"""One trunk: how its carrier speaks, and what it may do here.

The carrier's half is data: a profile of mediasrv/config/trunks, over which the operator may write any key. The
operator's half has no profile: which addresses calls come from, which numbers lead where, how much is allowed. No
profile names addresses. Carriers change theirs, and a list that is out of date admits strangers or refuses calls; a
profile says where the carrier publishes them instead.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from mediasrv.config.addresses import Network
from mediasrv.numbers import DialPlan, Pattern, TollRules, best, is_global, normalise

PROFILES_IN = Path(__file__).with_name("trunks")

ProfileName = Literal["generic", "twilio", "vonage", "bandwidth", "telnyx"]
Authentication = Literal["address", "digest", "tls"]
Transport = Literal["udp", "tcp", "tls"]
SrtpSuite = Literal[
    "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM", "AEAD_AES_256_GCM"
]
Codec = Literal["opus", "G722", "PCMU", "PCMA", "L16"]
Quirk = Literal["tls_1_2_only", "rsa_certificates", "options_health_check", "passes_user_to_user"]

_COUNTRY_CODE = re.compile(r"[1-9][0-9]{0,2}|")
_PREFIX = re.compile(r"[0-9]{0,5}")
_PLACE = re.compile(
    r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<host>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})))(?::(?P<port>[0-9]{1,5}))?"
)
_EXTENSION = re.compile(r"[*#]?[0-9X]{1,6}")
_GLOBAL_PREFIX = re.compile(r"\+[0-9]{0,15}")


class TrunkSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where calls may come from, how they speak, and what they may cost."""

    profile: Annotated[
        ProfileName,
        Meta(description="The carrier; its profile gives the keys from here to `quirks` their values."),
    ] = "generic"
    published: Annotated[str, Meta(description="Where the carrier publishes its addresses; for people.")] = ""
    authentication: Annotated[
        tuple[Authentication, ...], Meta(description="What proves that a call is the trunk's.", min_length=1)
    ] = ("address",)
    transports: Annotated[
        tuple[Transport, ...],
        Meta(description="Transports that it speaks, the preferred one first.", min_length=1),
    ] = ("udp",)
    lookup: Annotated[
        Literal["address", "srv", "naptr"], Meta(description="How its hosts are found (RFC 3263).")
    ] = "address"
    srtp: Annotated[
        Literal["off", "offered", "required"],
        Meta(description="Whether its sound is encrypted: never; as `media.security` says; or else no call."),
    ] = "offered"
    srtp_suites: Annotated[
        tuple[SrtpSuite, ...],
        Meta(
            description="Suites for keys in the signalling (SDES) that it knows, in the order of our offers.",
            min_length=1,
        ),
    ] = ("AEAD_AES_256_GCM", "AEAD_AES_128_GCM", "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")
    codecs: Annotated[
        tuple[Codec, ...],
        Meta(
            description="Codecs that it knows; of these, those of `media.codecs` are agreed on.", min_length=1
        ),
    ] = ("opus", "G722", "PCMU", "PCMA", "L16")
    dtmf: Annotated[
        tuple[Literal["rfc4733", "info", "inband"], ...],
        Meta(
            description="How it takes keys, the usual way first: as telephone events where both sides know them "
            "(without `rfc4733` they are not agreed on), in INFO, as tones.",
            min_length=1,
        ),
    ] = ("rfc4733",)
    transfer: Annotated[
        Literal["none", "refer"], Meta(description="Whether it takes a call over when asked to (RFC 3515).")
    ] = "refer"
    keep_alive_s: Annotated[
        float, Meta(description="Pause between keep-alives towards it; 0: none.", ge=0, le=3_600)
    ] = 0.0
    fails_over_on: Annotated[
        Literal["5xx", "503"],
        Meta(
            description="Which refusals lead to the next host: any 5xx, or 503 alone (RFC 3263); silence does in any "
            "case."
        ),
    ] = "5xx"
    silence_s: Annotated[
        float,
        Meta(description="How long a host may say nothing before the next is called.", ge=0.5, le=32),
    ] = 5.0
    session_timer_s: Annotated[
        int,
        Meta(
            description="Session interval to ask for (RFC 4028); 0: none, else 90 at least. What the other side "
            "asks for is agreed to either way.",
            ge=0,
            le=86_400,
        ),
    ] = 1_800
    country_code: Annotated[
        str,
        Meta(description='Country of numbers that name none, as in `"44"`; empty: they stay as they are.'),
    ] = ""
    national_prefix: Annotated[str, Meta(description="Digits before a number within the country.")] = "0"
    international_prefix: Annotated[str, Meta(description="Digits in the place of `+`.")] = "00"
    bare_numbers: Annotated[
        Literal["local", "national", "international"],
        Meta(description="What seven digits and more without any prefix are."),
    ] = "local"
    quirks: Annotated[tuple[Quirk, ...], Meta(description="Habits that others do not have.")] = ()
    caller_in: Annotated[
        Literal["from", "asserted"],
        Meta(
            description="What names the caller: From, or P-Asserted-Identity where there is one. Who asked for "
            "privacy is then anonymous."
        ),
    ] = "from"
    called_in: Annotated[
        Literal["uri", "to", "diversion", "history"],
        Meta(
            description="What names the called number: the Request-URI, To, or of a call that was sent on to us the "
            "first in Diversion or History-Info, where there is one."
        ),
    ] = "uri"
    sources: Annotated[
        tuple[Network, ...],
        Meta(description="Addresses and blocks whose calls are taken without a password."),
    ] = ()
    certificates: Annotated[
        tuple[str, ...],
        Meta(
            description="Names in the certificate that proves its calls, where `authentication` has `tls`; "
            "empty: those of `hosts`."
        ),
    ] = ()
    hosts: Annotated[
        tuple[str, ...],
        Meta(
            description="Where its calls are sent, the preferred one first: a name or an address, with or without "
            "a port. Empty: nothing is dialled over it."
        ),
    ] = ()
    username: Annotated[
        str, Meta(description="Whom we say that we are when it asks (digest); empty: we do not answer.")
    ] = ""
    password: Annotated[
        str, Meta(description="What proves it; rather in the environment than in a file.")
    ] = ""
    realm: Annotated[
        str, Meta(description="The only realm that is answered; empty: the first of `hosts` that asked.")
    ] = ""
    caller_id: Annotated[
        str, Meta(description="Number that calls of ours show over it; empty: the caller's own.")
    ] = ""
    caller_asserted: Annotated[
        bool,
        Meta(description="Whether calls of ours vouch for that number, too (P-Asserted-Identity)."),
    ] = False
    caller_withheld: Annotated[
        bool,
        Meta(
            description="Whether whoever we call over it is not shown that number (Privacy); the carrier is told it "
            "all the same (P-Asserted-Identity)."
        ),
    ] = False
    register: Annotated[
        bool, Meta(description="Whether we register there, so that its calls find us, and stay registered.")
    ] = False
    numbers: Annotated[
        dict[str, str],
        Meta(
            description="Called number, or prefix with a star, to agent; looked at before `agents.numbers`."
        ),
    ] = field(default_factory=dict)
    calls_max: Annotated[
        int,
        Meta(description="Calls at a time; more get 503. 0: as many as there is room for.", ge=0, le=100_000),
    ] = 0
    calls_per_s: Annotated[
        float, Meta(description="New calls in a second; more get 503. 0: any number.", ge=0, le=10_000)
    ] = 0.0
    dial_allow: Annotated[
        tuple[str, ...],
        Meta(
            description="Prefixes that may be dialled at our cost, as in `+44`; the longest prefix decides."
        ),
    ] = ()
    dial_deny: Annotated[
        tuple[str, ...], Meta(description="Prefixes that may not, within those that may.")
    ] = ()
    extensions: Annotated[
        tuple[str, ...],
        Meta(
            description="Short numbers that cost nothing and may be dialled, at most six digits, `X` for any: `2XX`, "
            "`*1`. Users who are registered need not stand here."
        ),
    ] = ()
    dial_calls_a_day: Annotated[
        int, Meta(description="Calls dialled in a day (UTC).", ge=0, le=10_000_000)
    ] = 200
    dial_minutes_a_day: Annotated[
        int,
        Meta(
            description="Minutes of dialled calls in a day (UTC), begun ones counted whole.",
            ge=0,
            le=10_000_000,
        ),
    ] = 600

    def __post_init__(self) -> None:
        check_patterns("numbers", self.numbers)
        _check("country_code", self.country_code, _COUNTRY_CODE, 'digits, as in "44"')
        _check("national_prefix", self.national_prefix, _PREFIX, "up to five digits")
        _check("international_prefix", self.international_prefix, _PREFIX, "up to five digits")
        for key, prefixes in (("dial_allow", self.dial_allow), ("dial_deny", self.dial_deny)):
            for prefix in prefixes:
                _check(
                    key, prefix, _GLOBAL_PREFIX, 'a plus and digits, as in "+44"; "+" alone is every number'
                )
        for pattern in self.extensions:
            _check("extensions", pattern, _EXTENSION, 'up to six digits, X for any of them, as in "2XX"')
        for place in self.hosts:
            try:
                host_and_port(place)
            except ValueError as error:
                raise ValueError(f"hosts: {error}") from None
        if self.register and not (self.hosts and self.username):
            raise ValueError("register needs hosts and username")
        if 0 < self.session_timer_s < 90:  # RFC 4028 section 5: the least Min-SE there is
            raise ValueError("session_timer_s: must be 0, or 90 at least")

    def __repr__(self) -> str:
        """Without the password: settings find their way into logs and reports of faults."""
        told = {name: getattr(self, name) for name in self.__struct_fields__ if name != "password"}
        return f"TrunkSettings({', '.join(f'{name}={value!r}' for name, value in told.items())})"

    def admits(self, host: str) -> bool:
        """Whether an address alone proves that a call from there is this trunk's."""
        return "address" in self.authentication and any(network.holds(host) for network in self.sources)

    @property
    def certified_names(self) -> frozenset[str]:
        """In lower case; a host's port is no part of its name."""
        if self.certificates:
            return frozenset(name.lower() for name in self.certificates)
        return frozenset(host_and_port(place)[0].lower() for place in self.hosts)

    def number(self, user: str) -> str:
        """The number that this trunk means by the user part of a URI."""
        plan = DialPlan(self.country_code, self.national_prefix, self.international_prefix, self.bare_numbers)
        return normalise(user, plan)

    def written(self, number: str) -> str:
        """A number in the spelling that this trunk reads: who writes E.164 without the plus wants it so from us."""
        bare = self.bare_numbers == "international" and is_global(number)
        return number.removeprefix("+") if bare else number

    def has_extension(self, number: str) -> bool:
        """Whether it is one of the short numbers that the operator has called his own."""
        return any(_fits(number, pattern) for pattern in self.extensions)

    @property
    def tolls(self) -> TollRules:
        return TollRules(self.dial_allow, self.dial_deny)


def _fits(number: str, pattern: str) -> bool:
    """Digit by digit; those of other scripts fit nowhere."""
    return len(number) == len(pattern) and all(
        sign == wanted or (wanted == "X" and sign in "0123456789")
        for sign, wanted in zip(number, pattern, strict=True)
    )


def agent_of(numbers: dict[str, str], number: str) -> str | None:
    """Whom a table of patterns gives a number to; None when it does not name it."""
    found = best(map(Pattern.parse, numbers), number)
    return None if found is None else numbers[str(found)]


def host_and_port(place: str) -> tuple[str, int | None]:
    """Of one of `hosts`; raises ValueError."""
    found = _PLACE.fullmatch(place)
    if found is None or int(found["port"] or 1) not in range(1, 65_536):
        raise ValueError(f"{place!r}: write a name or an address, with a port or without; IPv6 in brackets")
    return found["host"] or found["address"], int(found["port"]) if found["port"] else None


def check_patterns(key: str, numbers: dict[str, str]) -> None:
    for text in numbers:
        try:
            Pattern.parse(text)
        except ValueError as error:
            raise ValueError(f"{key}.{text}: {error}") from None


def _check(key: str, value: str, form: re.Pattern[str], right: str) -> None:
    if form.fullmatch(value) is None:
        raise ValueError(f"{key} = {value!r}: write {right}")
