from mediasrv.config import TrunkSettings
from mediasrv.server.admission import Refusal
from mediasrv.server.trunk_gates import TrunkGates

TRUNKS = {
    "small": TrunkSettings(calls_max=2),
    "slow": TrunkSettings(calls_per_s=0.25),
    "both": TrunkSettings(calls_max=1, calls_per_s=1.0),
    "free": TrunkSettings(),
}
FULL = Refusal(503, "trunk_full", 5)


def test_a_full_trunk_says_when_to_come_back_and_has_room_when_a_call_ends() -> None:
    gates = TrunkGates(TRUNKS)
    with gates.inside("small"):
        assert gates.why_not("small", 0.0) is None
        with gates.inside("small"):
            assert gates.why_not("small", 0.0) == FULL
            assert FULL.headers == (("Retry-After", "5"),)
        assert gates.why_not("small", 0.0) is None


def test_too_many_calls_a_second_are_told_how_long_to_wait() -> None:
    gates = TrunkGates(TRUNKS)
    assert gates.why_not("slow", 10.0) is None
    assert gates.why_not("slow", 10.5) == Refusal(503, "trunk_too_fast", 4)
    assert gates.why_not("slow", 14.0) is None


def test_a_call_that_finds_the_trunk_full_costs_nothing_of_its_rate() -> None:
    gates = TrunkGates(TRUNKS)
    with gates.inside("both"):
        assert gates.why_not("both", 0.0) == FULL
    assert gates.why_not("both", 0.0) is None


def test_a_trunk_s_caps_are_its_own() -> None:
    gates = TrunkGates(TRUNKS)
    with gates.inside("small"), gates.inside("small"):
        assert all(gates.why_not("free", 0.0) is None for _ in range(1_000))
