"""Being registered with a trunk (RFC 3261 section 10.2): kept up for as long as the server runs.

                      begin
                        |            200                  REFRESH
                     TRYING  ---------------> REGISTERED ---------> TRYING
                        |  ^
     every address has  |  | RETRY
         failed         v  |                        leave, from anywhere
                      WAITING                 LEAVING ----------------> over

One round tries the trunk's addresses in their order, from the one that served last. 401 and 407 are answered, 423 is
obeyed, and anything else that could be different elsewhere moves on to the next address. When all have failed the round
is repeated after a pause that doubles up to half an hour, half of it chance, so that a thousand servers do not come
back in the same second after an outage (RFC 5626 section 4.5). A `Retry-After` is never undercut. What speaks of us
(a wrong password, an unknown user) is the same at every address, and ends the round at once.

A refresh comes early enough for a whole transaction to time out before the binding does, moved forward by chance. A
redirection is followed only to an address that the plan names: the trunk's password goes nowhere else.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from enum import Enum, auto

from mediasrv.errors import LocalError
from mediasrv.sip.auth.bindings import contact_key
from mediasrv.sip.auth.client import Account, Answerer
from mediasrv.sip.core import Core
from mediasrv.sip.errors import Malformed
from mediasrv.sip.events import EndCause, Registered, RegistrationFailed, RegistrationId, Unregistered
from mediasrv.sip.grammar.fields import CONTACT, EXPIRES, LARGEST_DELTA_S, NameAddr
from mediasrv.sip.grammar.headers import Field
from mediasrv.sip.grammar.message import Request, Response, phrase
from mediasrv.sip.grammar.syntax import number, parameter
from mediasrv.sip.grammar.uri import DEFAULT_PORT, Uri
from mediasrv.sip.hop import Address

PAUSE_LEAST_S = 30.0
PAUSE_MOST_S = 1_800.0
RETRY_AFTER_MOST_S = 86_400.0  # a day: more is a mistake, or malice
EXPIRES_MOST_S = 86_400  # the longest that a 423 can talk us into
CHANCE_BITS = 16
MOVED_FORWARD = 0.2  # of the time to the latest refresh, at most
ABOUT_US = (400, 401, 403, 404, 407, 423)  # no other address would say otherwise
_STATUS_OF_FAILURE = {EndCause.TIMEOUT: 408, EndCause.TRANSPORT: 503}
MIN_EXPIRES = Field("Min-Expires", lambda text: number(text, LARGEST_DELTA_S, "Min-Expires"))


class Clock(Enum):
    REFRESH = auto()
    RETRY = auto()
    LAPSE = auto()  # what the trunk has of us runs out


@dataclass(frozen=True, slots=True)
class Plan:
    """With whom to register, as whom, and at which of his addresses, the best first."""

    address_of_record: Uri
    registrar: Uri
    destinations: tuple[Address, ...]
    account: Account | None = None
    expires_s: int = 3_600


class Attempt:
    """The user of one REGISTER and of its repetitions with credentials."""

    __slots__ = ("_registration", "answerer", "destination", "request")

    def __init__(
        self, registration: Registration, request: Request, destination: Address, answerer: Answerer | None
    ) -> None:
        self._registration, self.request = registration, request
        self.destination, self.answerer = destination, answerer

    def responded(self, response: Response, source: Address, now: float) -> None:
        if response.status >= 200:
            self._registration.decided(self, response, source, now)

    def failed(self, cause: EndCause, now: float) -> None:
        self._registration.lost(self, _STATUS_OF_FAILURE[cause], now)


class Registration:
    """One plan, carried out."""

    __slots__ = (
        "_attempt", "_bound", "_core", "_cseq", "_expires_s", "_leaving", "_now_at", "_parties", "_plan",
        "_registrations", "_retry_after_s", "_rounds", "_tried", "id",
    )  # fmt: skip

    def __init__(self, core: Core, registrations: Registrations, name: RegistrationId, plan: Plan) -> None:
        self._core, self._registrations, self.id, self._plan = core, registrations, name, plan
        ours = NameAddr(plan.address_of_record)
        call_id = f"{core.tokens.token(12)}@{core.local[0]}"
        self._parties = ours.tagged(core.tokens.token()), ours, call_id
        self._cseq = 0
        self._expires_s = plan.expires_s
        self._attempt: Attempt | None = None  # the one whose outcome matters
        self._now_at = 0  # which address is being tried, or served last
        self._tried = 0  # addresses in this round
        self._rounds = 0  # that have failed, one after another
        self._retry_after_s = 0.0  # the most of what the addresses of this round asked for
        self._bound = self._leaving = False

    def begin(self, now: float) -> None:
        self._tried, self._retry_after_s = 0, 0.0
        self._send(now)

    def leave(self, now: float) -> None:
        """Takes our binding back; one attempt, at the address that has it."""
        if self._leaving:
            return
        self._leaving, self._expires_s = True, 0
        for clock in Clock:
            self._core.schedule.clear(self, clock)
        if self._bound or self._attempt is not None:
            self._send(now)
        else:
            self._end()

    def fire(self, name: Hashable, now: float) -> None:
        if name is Clock.LAPSE:
            self._bound = False
        else:
            self.begin(now)

    # ---- what becomes of a REGISTER

    def decided(self, attempt: Attempt, response: Response, source: Address, now: float) -> None:
        if attempt is not self._attempt or self._answered(attempt, response, source, now):
            return
        if self._leaving:
            self._end()
        elif response.status == 423 and self._obeys(response):
            self._send(now)
        elif response.kind == "success":
            self._succeed(attempt, response, now)
        elif response.status < 400 and self._redirected(response):
            self._next(response.status, response.reason, now)
        else:
            self._fail(response.status, response.reason, _retry_after_s(response), now)

    def lost(self, attempt: Attempt, status: int, now: float) -> None:
        if attempt is not self._attempt:
            return
        if self._leaving:
            self._end()
        else:
            self._fail(status, phrase(status), 0.0, now)

    def _answered(self, attempt: Attempt, response: Response, source: Address, now: float) -> bool:
        if attempt.answerer is None:
            return False
        again = attempt.answerer.retry(
            attempt.request, response, source[0], self._cseq + 1, self._core.branch()
        )
        if again is None:
            return False
        self._cseq += 1
        attempt.request = again
        self._core.transactions.request(again, attempt.destination, attempt, now)
        return True

    def _obeys(self, response: Response) -> bool:
        """Section 10.2.8: the interval only grows, so this ends."""
        try:
            least_s = response.headers.get(MIN_EXPIRES) or 0
        except Malformed:
            return False
        if not self._expires_s < least_s <= EXPIRES_MOST_S:
            return False
        self._expires_s = least_s
        return True

    def _succeed(self, attempt: Attempt, response: Response, now: float) -> None:
        granted_s = self._granted_s(response, attempt.destination)
        if not granted_s:
            self._fail(response.status, "the trunk does not list our contact", 0.0, now)
            return
        self._attempt, self._rounds, self._bound = None, 0, True
        latest_s = granted_s - min(self._core.timers.patience_s, granted_s / 2)
        refresh_s = latest_s * (1 - MOVED_FORWARD * self._chance())
        self._core.schedule.set(self, Clock.REFRESH, now + refresh_s)
        self._core.schedule.set(self, Clock.LAPSE, now + granted_s)
        self._core.emit(Registered(self.id, granted_s))

    def _granted_s(self, response: Response, destination: Address) -> int:
        """Section 10.2.4: what stands at our own contact; 0 when it is not there, or unreadable."""
        ours = contact_key(NameAddr.parse(self._contact(destination)).uri)
        try:
            listed = [each for each in response.headers.all(CONTACT) if contact_key(each.uri) == ours]
            if not listed:
                return 0
            text = parameter(listed[0].parameters, "expires")
            if text is not None:
                return number(text, LARGEST_DELTA_S, "expires")
            granted_s = response.headers.get(EXPIRES)
        except Malformed:
            return 0
        return self._expires_s if granted_s is None else granted_s

    def _redirected(self, response: Response) -> bool:
        """Makes the address that the redirection names the next, when it is one of the plan's."""
        try:
            named = [each.uri for each in response.headers.all(CONTACT)]
        except Malformed:
            return False
        for uri in named:
            address = uri.host.strip("[]"), uri.port or DEFAULT_PORT
            places = [destination[:2] for destination in self._plan.destinations]
            if address in places:
                self._now_at = places.index(address) - 1
                return True
        return False

    def _fail(self, status: int, reason: str, retry_after_s: float, now: float) -> None:
        self._retry_after_s = max(self._retry_after_s, retry_after_s)
        if status in ABOUT_US:
            self._pause(status, reason, now)
        else:
            self._next(status, reason, now)

    def _next(self, status: int, reason: str, now: float) -> None:
        self._now_at += 1
        if self._tried < len(self._plan.destinations):
            self._send(now)
        else:
            self._pause(status, reason, now)

    def _pause(self, status: int, reason: str, now: float) -> None:
        self._attempt = None
        longest_s = min(PAUSE_LEAST_S * (1 << self._rounds), PAUSE_MOST_S)
        pause_s = max(longest_s * (1 + self._chance()) / 2, self._retry_after_s)
        self._rounds = min(self._rounds + 1, 10)
        self._core.schedule.set(self, Clock.RETRY, now + pause_s)
        self._core.emit(RegistrationFailed(self.id, status, reason, pause_s, self._bound))

    def _end(self) -> None:
        self._attempt = None
        self._registrations.forget(self.id)
        self._core.emit(Unregistered(self.id))

    # ---- messages

    def _send(self, now: float) -> None:
        plan, core = self._plan, self._core
        self._cseq += 1
        self._tried += 1
        destination = plan.destinations[self._now_at % len(plan.destinations)]
        contact = f"{self._contact(destination)};expires={self._expires_s}"
        headers = (("Contact", contact), ("Expires", str(self._expires_s)))
        request = core.request("REGISTER", plan.registrar, self._cseq, self._parties, headers=headers)
        answerer = Answerer(plan.account, destination[0], core.tokens) if plan.account else None
        self._attempt = Attempt(self, request, destination, answerer)
        core.transactions.request(request, destination, self._attempt, now)

    def _contact(self, destination: Address) -> str:
        """With our name in it: a trunk that sends its calls there shows whose they are."""
        return self._core.locals.contact_towards(destination, self._plan.address_of_record.user)

    def _chance(self) -> float:
        return self._core.tokens.number(CHANCE_BITS) / float(1 << CHANCE_BITS)


class Registrations:
    """All of one user agent's."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._live: dict[RegistrationId, Registration] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._live)

    def begin(self, plan: Plan, now: float) -> RegistrationId:
        """Registers, and stays registered until `leave`; tells of it by Registered and RegistrationFailed."""
        if not plan.destinations or plan.expires_s < 1:
            raise LocalError("a registration needs an address to go to, and a time to last")
        self._last += 1
        name = RegistrationId(self._last)
        self._live[name] = Registration(self._core, self, name, plan)
        self._live[name].begin(now)
        return name

    def leave(self, name: RegistrationId, now: float) -> None:
        """Unregisters, ending with Unregistered; does nothing when that is over."""
        if name in self._live:
            self._live[name].leave(now)

    def leave_all(self, now: float) -> None:
        for registration in list(self._live.values()):
            registration.leave(now)

    def forget(self, name: RegistrationId) -> None:
        self._live.pop(name, None)


def _retry_after_s(response: Response) -> float:
    """Section 20.33: seconds, then perhaps a comment and parameters."""
    text = (response.headers.text("Retry-After") or "").partition(";")[0].partition("(")[0]
    try:
        return min(float(number(text, LARGEST_DELTA_S, "Retry-After")), RETRY_AFTER_MOST_S)
    except Malformed:
        return 0.0
