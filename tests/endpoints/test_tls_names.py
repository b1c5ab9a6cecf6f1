"""Whom a peer's certificate names, as Python hands it over once it is verified."""

from __future__ import annotations

from typing import Any

import pytest

from mediasrv.endpoints.streams.tls import names_in

SUBJECT = ((("countryName", "GB"),), (("commonName", "Common.Example"),))


@pytest.mark.parametrize(
    ("certificate", "names"),
    [
        (None, set()),  # none was shown
        ({}, set()),  # it was not verified
        ({"subject": SUBJECT}, {"common.example"}),
        ({"subject": SUBJECT, "subjectAltName": (("IP Address", "192.0.2.1"),)}, {"common.example"}),
        ({"subject": SUBJECT, "subjectAltName": (("DNS", "Host.Example"),)}, {"host.example"}),
        (
            {"subjectAltName": (("URI", "sip:domain.example"), ("DNS", "host.example"))},
            {"domain.example", "host.example"},
        ),
        ({"subject": SUBJECT, "subjectAltName": (("URI", "sip:d.example"),)}, {"d.example"}),
    ],
)
def test_the_names_are_those_of_the_alternatives_or_else_the_common_one(
    certificate: dict[str, Any] | None, names: set[str]
) -> None:
    """RFC 5922 section 7.1."""
    assert names_in(certificate) == names
