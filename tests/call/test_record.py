from __future__ import annotations

from decimal import Decimal

from mediasrv.call.record import CallRecord, TurnRecord
from mediasrv.conversation.bill import Bill, Entry
from mediasrv.providers.protocols import Usage

ONE_TOKEN = Usage("mind", "cheapest", {"input_tokens": 1}, Decimal("0.00000015"))


def bill(*usages: Usage) -> Bill:
    return Bill([Entry("llm", usage, "balanced", 1.0) for usage in usages])


def test_a_call_costs_what_its_turns_cost_to_the_last_token() -> None:
    record = CallRecord("c", "default", "desk", "", "", "", "")
    for paid in (bill(ONE_TOKEN), bill(), bill(ONE_TOKEN, ONE_TOKEN)):
        turn = TurnRecord("c-1", 1, "reply", "hello", 0.0)
        turn.write_down(None, paid)
        record.charge(turn)
    assert record.as_json()["cost_usd"] == "0.00000045"


def test_what_was_guessed_in_vain_is_waste_in_the_turn_and_in_the_call() -> None:
    paid = bill(ONE_TOKEN, ONE_TOKEN)
    paid.speculated()
    turn = TurnRecord("c-1", 1, "reply", "hello", 0.0)
    turn.write_down(None, paid)
    record = CallRecord("c", "default", "desk", "", "", "", "")
    record.charge(turn)
    assert Decimal(turn.wasted_usd) == Decimal(record.wasted_usd) == Decimal("0.0000003")


def test_a_turn_keeps_every_use_with_its_price() -> None:
    record = TurnRecord("c-1", 1, "reply", "hello", 0.0)
    record.write_down(None, bill(ONE_TOKEN))
    (entry,) = record.usage
    assert (entry["service"], entry["provider"], entry["cost_usd"]) == ("llm", "mind", "0.000000150000")
    assert (record.tokens["input_tokens"], record.cost_usd) == (1, "0.00000015")
