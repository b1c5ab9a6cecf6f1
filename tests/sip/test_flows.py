"""Telephones that keep flows open (RFC 5626), as the registrar knows them."""

from __future__ import annotations

import pytest

from mediasrv.sip.auth.outbound import Flow, flow_of
from mediasrv.sip.auth.registrar import Registrar
from mediasrv.sip.grammar.fields import NameAddr
from mediasrv.sip.grammar.headers import Headers
from mediasrv.sip.grammar.message import Request
from mediasrv.sip.grammar.uri import Uri
from mediasrv.sip.hop import Address, Hop
from mediasrv.sip.screening import Refusal

ALICE = Uri.parse("sip:alice@pbx.example")
DESK, HALL = (f"urn:uuid:00000000-0000-1000-8000-00000000000{n}" for n in (1, 2))
FIRST, SECOND = Hop("203.0.113.7", 40_001, "TCP", 1), Hop("203.0.113.7", 40_002, "TCP", 2)
SUPPORTS = ("Supported", "path, outbound")


def contact(instance: str = DESK, reg_id: int | str = 1, at: str = "10.0.0.5", more: str = "") -> str:
    return f'<sip:alice@{at}:5060;ob>;+sip.instance="<{instance}>";reg-id={reg_id}{more}'


class Domain:
    """A registrar, and REGISTERs with ever higher numbers."""

    def __init__(self) -> None:
        self.registrar = Registrar(["pbx.example"])
        self.cseq = 0

    def register(
        self, *contacts: str, source: Address = FIRST, extra: tuple[tuple[str, str], ...] = (SUPPORTS,),
        vias: int = 1, call_id: str = "boot1",
    ) -> Refusal:  # fmt: skip
        self.cseq += 1
        via = ("Via", "SIP/2.0/TCP 10.0.0.5:5060;rport;branch=z9hG4bK1")
        lines = [
            *(vias * [via]),
            ("From", f"<{ALICE}>;tag=a"), ("To", f"<{ALICE}>"), ("Call-ID", call_id),
            ("CSeq", f"{self.cseq} REGISTER"),
            *(("Contact", each) for each in contacts), *extra,
        ]  # fmt: skip
        request = Request("REGISTER", Uri.parse("sip:pbx.example"), Headers(lines))
        return self.registrar.register(request, "alice", source, float(self.cseq))

    def flows(self) -> list[tuple[str, Address]]:
        bound = self.registrar.lookup(ALICE, float(self.cseq))
        return [(each.contact.uri.host, each.source) for each in bound]


@pytest.mark.parametrize(
    ("text", "flow"),
    [
        (contact(), Flow(DESK, 1)),
        (contact(reg_id=2**31 - 1), Flow(DESK, 2**31 - 1)),
        (contact(reg_id=2**31), None),
        (contact(reg_id=0), None),
        (contact(reg_id="-1"), None),
        (contact(reg_id="one"), None),
        (contact(reg_id="1" * 400), None),
        (contact(instance="x" * 300), None),
        ("<sip:alice@10.0.0.5>;reg-id=1", None),
        (f'<sip:alice@10.0.0.5>;+sip.instance="{DESK}";reg-id=1', None),
        (f'<sip:alice@10.0.0.5>;+sip.instance="<{DESK}>"', None),
    ],
)
def test_a_flow_is_a_telephone_s_name_and_a_number_and_nothing_else(text: str, flow: Flow | None) -> None:
    assert flow_of(NameAddr.parse(text)) == flow


def test_a_flow_that_comes_from_elsewhere_replaces_its_own_older_binding() -> None:
    domain = Domain()
    domain.register(contact(), source=FIRST)
    answer = domain.register(contact(at="10.0.0.99"), source=SECOND, call_id="boot2")
    assert ("Require", "outbound") in answer.headers
    assert domain.flows() == [("10.0.0.99", SECOND)]


def test_several_flows_and_telephones_of_a_user_stand_side_by_side() -> None:
    domain = Domain()
    domain.register(contact(reg_id=1), source=FIRST)
    domain.register(contact(reg_id=2), source=SECOND)
    domain.register(contact(HALL, 1, "10.0.0.6"), source=("203.0.113.9", 5060))
    assert len(domain.flows()) == 3
    domain.register(contact(reg_id=2, more=";expires=0"), source=SECOND)
    assert [source for _, source in domain.flows()] == [("203.0.113.9", 5060), FIRST]


def test_a_closed_connection_takes_its_flows_along_and_no_others() -> None:
    domain = Domain()
    domain.register("<sip:alice@10.0.0.8>", source=FIRST, extra=())
    domain.register(contact(reg_id=1), source=FIRST)
    domain.register(contact(reg_id=2), source=SECOND)
    domain.registrar.lost(FIRST)
    assert domain.flows() == [("10.0.0.5", SECOND), ("10.0.0.8", FIRST)]
    domain.registrar.lost(SECOND)
    domain.registrar.lost(Hop("192.0.2.1", 1, "TCP", 99))
    assert domain.flows() == [("10.0.0.8", FIRST)]
    assert not domain.registrar._on_flow


def test_what_a_telephone_bound_before_it_knew_of_flows_is_gone() -> None:
    domain = Domain()
    domain.register("<sip:alice@10.0.0.5:5060;ob>", extra=())
    domain.register(contact())
    assert len(domain.flows()) == 1


def test_without_the_word_outbound_flows_are_ordinary_contacts() -> None:
    domain = Domain()
    for at in ("10.0.0.5", "10.0.0.6"):
        answer = domain.register(contact(at=at), extra=())
        assert "Require" not in dict(answer.headers)
    assert len(domain.flows()) == 2
    domain.registrar.lost(FIRST)
    assert len(domain.flows()) == 2


@pytest.mark.parametrize(
    ("vias", "path", "status"),
    [
        (1, (), 200),
        (2, (), 439),
        (2, (("Path", "<sip:edge.example;lr>"),), 439),
        (2, (("Path", "<sip:edge.example;lr;ob>"),), 200),
        (3, (("Path", "<sip:inner.example;lr>"), ("Path", "<sip:edge.example;lr;ob>")), 200),
        (3, (("Path", "<sip:inner.example;lr;ob>"), ("Path", "<sip:edge.example;lr>")), 439),
    ],
)
def test_whoever_stands_next_to_the_telephone_must_keep_the_flow(
    vias: int, path: tuple[tuple[str, str], ...], status: int
) -> None:
    domain = Domain()
    assert domain.register(contact(), vias=vias, extra=(SUPPORTS, *path)).status == status
    assert len(domain.flows()) == (status == 200)


def test_one_register_binds_one_flow() -> None:
    domain = Domain()
    assert domain.register(contact(reg_id=1), contact(reg_id=2)).status == 400
    assert domain.flows() == []
    domain.register(contact(reg_id=1))
    domain.register(contact(reg_id=2))
    both = [contact(reg_id=n, more=";expires=0") for n in (1, 2)]
    assert domain.register(*both).status == 200
    assert domain.flows() == []
