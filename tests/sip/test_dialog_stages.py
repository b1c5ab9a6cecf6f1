"""Every request of the peer's at every stage of a call: what it deserves there, and whether the call lives on.

The stages are those of RFC 5407 section 2, and the waiting of either side within them. The table was written from the
RFCs, whose sections stand beside what is not plain.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mediasrv.sip.grammar.message import Response
from tests.sip.test_dialogs import Caller

METHODS = (
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "INFO",
    "UPDATE",
    "PRACK",
    "REFER",
    "NOTIFY",
    "MESSAGE",
    "X",
)


def ringing(caller: Caller) -> None:
    caller.send("INVITE", branch="z9hG4bKinvite")
    caller.call = caller.event().call
    caller.agent.respond(caller.call, 180, 1.0)
    caller.tag = caller.sent()[0].to.tag


def accepted(caller: Caller) -> None:
    ringing(caller)
    caller.agent.respond(caller.call, 200, 1.0, body=b"answer")
    caller.sent()


def confirmed(caller: Caller) -> None:
    caller.established()


def asked_to_change(caller: Caller) -> None:
    caller.established()
    caller.send("INVITE", branch="z9hG4bKreinvite")


def asking_to_change(caller: Caller) -> None:
    caller.established()
    caller.agent.reinvite(caller.call, b"hold", 1.0)
    caller.sent()


def hanging_up(caller: Caller) -> None:
    caller.established()
    caller.agent.bye(caller.call, 1.0)
    caller.sent()


def over(caller: Caller) -> None:
    caller.established()
    caller.send("BYE")


STAGES: tuple[Callable[[Caller], None], ...] = (
    ringing, accepted, confirmed, asked_to_change, asking_to_change, hanging_up, over,
)  # fmt: skip

# Several: the request's own, then that of the INVITE which it ends. "-": none. A cross: the call is forgotten;
# one that we hang up is remembered until our BYE has its answer.
DESERVED = """
            ringing    accepted  confirmed  asked_to_change  asking_to_change  hanging_up  over
INVITE      500        491       100        500              491               481         481x
ACK         -          -         -          -                -                 -           -x
BYE         200+487x   200x      200x       200+487x         200x              200         481x
CANCEL      200+487x   200       481        200+487          481               481         481x
OPTIONS     200        200       200        200              200               200         481x
INFO        200        200       200        200              200               481         481x
UPDATE      200        200       200        200              200               481         481x
PRACK       400        400       400        400              400               400         481x
REFER       403        400       400        400              400               481         481x
NOTIFY      489        489       489        489              489               489         481x
MESSAGE     405        405       405        405              405               405         405x
X           501        501       501        501              501               501         501x
"""
# INVITE: 14.2 (500, 491), RFC 5407 3.1.4 (491 before the ACK). CANCEL: 9.2, it reaches only what is not answered yet,
# and the INVITE that began the call is remembered for a while. REFER: none before the answer; without Refer-To 400.


def deserved(method: str, stage: str) -> tuple[list[int], bool]:
    rows = [line.split() for line in DESERVED.strip().splitlines()]
    column = 1 + rows[0].index(stage)
    (text,) = (row[column] for row in rows[1:] if row[0] == method)
    lives_on = not text.endswith("x")
    return [int(status) for status in text.removesuffix("x").split("+") if status != "-"], lives_on


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.__name__)
@pytest.mark.parametrize("method", METHODS)
def test_every_request_gets_what_it_deserves_at_every_stage(
    method: str, stage: Callable[[Caller], None]
) -> None:
    caller = Caller()
    stage(caller)
    branch, cseq = "", None
    if method == "CANCEL":
        branch = "z9hG4bKreinvite" if stage is asked_to_change else "z9hG4bKinvite"
        cseq = caller.cseq
    if method == "ACK":
        cseq = 99  # to nothing
    answers = [each for each in caller.send(method, cseq=cseq, branch=branch) if isinstance(each, Response)]
    statuses, lives_on = deserved(method, stage.__name__)
    assert [answer.status for answer in answers] == statuses
    assert (caller.agent.statistics().calls == 1) is lives_on


def test_the_table_has_every_stage_and_every_method() -> None:
    rows = [line.split() for line in DESERVED.strip().splitlines()]
    assert rows[0] == [stage.__name__ for stage in STAGES]
    assert tuple(row[0] for row in rows[1:]) == METHODS
    assert {len(row) for row in rows[1:]} == {1 + len(STAGES)}
