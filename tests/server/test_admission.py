from mediasrv.config import load
from mediasrv.server.admission import DRAINING, UNKNOWN_NUMBER, UNKNOWN_SOURCE, Admission, admit, at_capacity

SETTINGS = load(
    environment={
        "MEDIASRV_AGENTS__DEFAULT": "",
        "MEDIASRV_AGENTS__NUMBERS": '{"100": "echo"}',
        "MEDIASRV_TRUNKS": '{"office": {"sources": ["192.0.2.0/24"]}, "local": {"sources": ["127.0.0.1"]}}',
    }
)


def test_a_known_number_from_a_known_source_is_let_in() -> None:
    assert admit("office", "100", SETTINGS, draining=False) == Admission("office", "echo", "100")
    assert admit("local", "100", SETTINGS, draining=False) == Admission("local", "echo", "100")


def test_an_unknown_number_is_not_found() -> None:
    assert admit("local", "101", SETTINGS, draining=False) == UNKNOWN_NUMBER


def test_a_stranger_learns_neither_numbers_nor_load() -> None:
    assert admit(None, "100", SETTINGS, draining=False) == UNKNOWN_SOURCE
    assert admit(None, "101", SETTINGS, draining=True) == UNKNOWN_SOURCE


def test_a_draining_server_says_when_to_come_back() -> None:
    assert admit("local", "100", SETTINGS, draining=True) == DRAINING
    assert DRAINING.headers == (("Retry-After", "30"),)
    assert at_capacity(7).headers == (("Retry-After", "7"),)
    assert UNKNOWN_NUMBER.headers == ()
