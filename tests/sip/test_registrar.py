"""The registrar by the steps of RFC 3261 section 10.3, and what must not be done to it."""

from __future__ import annotations

import pytest

from mediasrv.sip.auth.bindings import Lifetimes
from mediasrv.sip.auth.registrar import Registrar, RegistrarLimits
from mediasrv.sip.grammar.headers import Headers
from mediasrv.sip.grammar.message import Request
from mediasrv.sip.grammar.uri import Uri
from mediasrv.sip.screening import Refusal

SOURCE = ("203.0.113.7", 40_001)
ALICE = Uri.parse("sip:alice@pbx.example")
PHONE = "<sip:alice@10.0.0.5:5060>"


class Desk:
    """A registrar, and REGISTERs with ever higher numbers."""

    def __init__(self, **limits: int) -> None:
        self.registrar = Registrar(
            ["PBX.example"], lifetimes=Lifetimes(60, 600, 300), limits=RegistrarLimits(**limits)
        )
        self.cseq = 0

    def register(
        self, *contacts: str, user: str = "alice", by: str = "alice", call_id: str = "boot1", cseq: int | None = None,
        now: float = 0.0, domain: str = "pbx.example", extra: tuple[tuple[str, str], ...] = (),
    ) -> Refusal:  # fmt: skip
        self.cseq += 1
        number = self.cseq if cseq is None else cseq
        lines = [
            ("Via", "SIP/2.0/UDP 10.0.0.5:5060;rport;branch=z9hG4bK1"),
            ("From", f"<sip:{user}@{domain}>;tag=a"),
            ("To", f"<sip:{user}@{domain}>"),
            ("Call-ID", call_id),
            ("CSeq", f"{number} REGISTER"),
            *(("Contact", contact) for contact in contacts),
            *extra,
        ]
        request = Request("REGISTER", Uri.parse("sip:pbx.example"), Headers(lines))
        return self.registrar.register(request, by, SOURCE, now)

    def reached(self, now: float = 0.0) -> list[str]:
        return [str(binding.contact.uri) for binding in self.registrar.lookup(ALICE, now)]


def contacts(answer: Refusal) -> list[str]:
    assert answer.status == 200
    return [value for name, value in answer.headers if name == "Contact"]


def test_a_binding_is_listed_and_found_until_it_runs_out() -> None:
    desk = Desk()
    assert contacts(desk.register(f"{PHONE};expires=100")) == [f"{PHONE};expires=100"]
    assert desk.registrar.next_deadline() == 100.0
    assert desk.reached(99.9) == ["sip:alice@10.0.0.5:5060"]
    assert desk.reached(100.0) == []
    assert len(desk.registrar) == 0
    assert desk.registrar.next_deadline() is None


def test_the_source_is_kept_as_the_way_back_through_a_nat() -> None:
    desk = Desk()
    desk.register(PHONE)
    assert desk.registrar.lookup(ALICE, 0.0)[0].source == SOURCE
    assert list(desk.registrar.flows()) == [SOURCE]


@pytest.mark.parametrize(
    ("contact", "header", "granted_s"),
    [
        (PHONE, None, 300),
        (PHONE, "120", 120),
        (f"{PHONE};expires=90", "120", 90),
        (f"{PHONE};expires=9999", None, 600),
        (f"{PHONE};expires=4294967295", None, 600),
        (f"{PHONE};expires=soon", None, 300),
        (f"{PHONE};expires=4294967296", None, 300),
        (PHONE, "-1", 300),
    ],
)
def test_expiry_is_granted_within_bounds(contact: str, header: str | None, granted_s: int) -> None:
    extra = () if header is None else (("Expires", header),)
    assert contacts(Desk().register(contact, extra=extra)) == [f"{PHONE};expires={granted_s}"]


def test_too_brief_is_answered_423_with_the_least() -> None:
    assert Desk().register(f"{PHONE};expires=59") == Refusal(423, (("Min-Expires", "60"),))


def test_asking_without_contact_changes_nothing() -> None:
    desk = Desk()
    desk.register(f"{PHONE};expires=100")
    assert contacts(desk.register(now=40.0)) == [f"{PHONE};expires=60"]


def test_expires_0_and_star_unbind() -> None:
    desk = Desk()
    other = "<sip:alice@10.0.0.6>"
    desk.register(PHONE, other)
    assert len(contacts(desk.register(f"{PHONE};expires=0"))) == 1
    assert contacts(desk.register("*", extra=(("Expires", "0"),))) == []
    assert len(desk.registrar) == 0


@pytest.mark.parametrize(
    ("given", "expires"),
    [
        (("*",), "60"),
        (("*",), None),
        (("*", PHONE), "0"),
        (("<tel:+1>",), None),
        (("<x>",), None),
        (("<sip:a@h",), None),
    ],
)
def test_nonsense_in_contact_is_400_and_changes_nothing(given: tuple[str, ...], expires: str | None) -> None:
    desk = Desk()
    desk.register(PHONE)
    assert desk.register(*given, extra=() if expires is None else (("Expires", expires),)).status == 400
    assert len(desk.reached()) == 1


def test_a_delayed_register_does_not_undo_a_later_one() -> None:
    desk = Desk()
    desk.register(f"{PHONE};expires=100", cseq=7)
    assert desk.register(f"{PHONE};expires=0", cseq=7).status == 500
    assert desk.register("*", cseq=6, extra=(("Expires", "0"),)).status == 500
    assert len(desk.reached()) == 1


def test_a_phone_that_was_restarted_wins_with_a_new_call_id() -> None:
    desk = Desk()
    desk.register(PHONE, cseq=700)
    assert desk.register(f"{PHONE};expires=0", call_id="boot2", cseq=1).status == 200
    assert desk.reached() == []


def test_all_or_nothing() -> None:
    desk = Desk()
    assert desk.register("<sip:alice@10.0.0.9>", f"{PHONE};expires=5").status == 423
    assert desk.reached() == []


def test_contacts_are_found_the_most_wanted_first() -> None:
    desk = Desk()
    desk.register("<sip:a@h1>;q=0.2", "<sip:a@h2>;q=0.9", "<sip:a@h3>", "<sip:a@h4>;q=nan")
    assert [uri[-2:] for uri in desk.reached()] == ["h3", "h4", "h2", "h1"]


def test_the_same_contact_spelt_otherwise_is_the_same() -> None:
    desk = Desk()
    desk.register("<sip:al%69ce@HOST;Transport=UDP;ob>")
    assert len(contacts(desk.register("<sip:alice@host:5060;ob;transport=udp>"))) == 1


def test_path_is_kept_and_echoed() -> None:
    desk = Desk()
    path = "<sip:edge.example;lr>"
    answer = desk.register(PHONE, extra=(("Path", path), ("Require", "path")))
    assert ("Path", path) in answer.headers
    assert desk.registrar.lookup(ALICE, 0.0)[0].path == (path,)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"by": "mallory"}, 403),
        ({"domain": "elsewhere.example"}, 404),
        ({"extra": (("Require", "gruu"),)}, 420),
        ({"extra": (("Path", ", ".join(["<sip:p;lr>"] * 11)),)}, 400),
        ({"extra": (("Path", '"'),)}, 400),
    ],
)
def test_what_is_not_his_to_bind_is_refused(change: dict, status: int) -> None:
    desk = Desk()
    assert desk.register(PHONE, **change).status == status
    assert len(desk.registrar) == 0


def test_memory_is_bounded_in_contacts_and_in_users() -> None:
    desk = Desk(contacts=2, addresses=3)
    assert desk.register("<sip:a@h1>", "<sip:a@h2>").status == 200
    assert desk.register("<sip:a@h3>").status == 403
    for user in ("bob", "carol"):
        assert desk.register("<sip:x@h>", user=user, by=user).status == 200
    full = desk.register("<sip:x@h>", user="dave", by="dave")
    assert (full.status, full.headers) == (503, (("Retry-After", "60"),))
    assert desk.register(PHONE, user="dave", by="dave", now=301.0).status == 200
