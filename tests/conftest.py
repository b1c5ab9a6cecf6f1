"""For all tests: what Hypothesis finds is about behaviour, and never about how busy the machine is."""

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None, print_blob=True)
settings.load_profile("untimed")


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """For hours of virtual time: the endpoint looks every 5 s whether its loop is late, and not 20 times in one."""
    monkeypatch.setattr("mediasrv.endpoints.sip.LOOK_S", 5.0)
