"""DTLS for a stream's keys, two machines and no network; what goes wrong on the way is made to."""

from __future__ import annotations

import random

import pytest

from mediasrv.media import SrtpProfile
from mediasrv.media.dtls import Certificate, Handshake, HandshakeFailed, TheirFingerprint
from mediasrv.media.dtls.profiles import keys_of

SERVER, CLIENT, STRANGER = ("192.0.2.1", 4000), ("192.0.2.2", 5000), ("203.0.113.9", 6666)
OURS, THEIRS = Certificate(), Certificate()


def fingerprint(certificate: Certificate) -> list[TheirFingerprint]:
    return [TheirFingerprint("sha-256", certificate.sha256)]


class Line:
    """A server and a client, time, and whatever the network does to a datagram: `pass_on` keeps it or not."""

    def __init__(self, of_client: Certificate = THEIRS, of_server: Certificate = OURS) -> None:
        self.now = 100.0
        self.server = Handshake(
            OURS, is_client=False, fingerprints=fingerprint(of_client), remote=None, now=self.now
        )
        self.client = Handshake(
            THEIRS, is_client=True, fingerprints=fingerprint(of_server), remote=SERVER, now=self.now
        )
        self.crossed: list[tuple[str, bytes]] = []

    def pass_on(self, datagram: bytes) -> bool:
        return True

    def exchange(self) -> None:
        """Until both have nothing more to say."""
        while True:
            ways = [("client", data) for data, _ in self.client.datagrams_to_send()]
            ways += [("server", data) for data, _ in self.server.datagrams_to_send()]
            if not ways:
                return
            self.crossed += ways
            for who, data in ways:
                if not self.pass_on(data):
                    continue
                if who == "client":
                    self.server.receive(data, CLIENT, self.now)
                else:
                    self.client.receive(data, SERVER, self.now)

    def wait(self) -> None:
        """Time jumps to whichever deadline is next."""
        deadlines = [
            each for each in (self.server.next_deadline(), self.client.next_deadline()) if each is not None
        ]
        self.now = max(self.now, min(deadlines))
        self.server.handle_deadline(self.now)
        self.client.handle_deadline(self.now)

    @property
    def done(self) -> bool:
        return self.server.keys is not None and self.client.keys is not None


def agree(line: Line) -> None:
    assert line.server.keys is not None
    assert line.client.keys is not None
    assert line.server.keys.profile is line.client.keys.profile is SrtpProfile.AEAD_AES_256_GCM
    assert line.server.keys.send == line.client.keys.receive
    assert line.server.keys.receive == line.client.keys.send
    assert line.server.keys.send != line.server.keys.receive


def test_both_come_to_the_same_keys() -> None:
    line = Line()
    line.exchange()
    agree(line)
    assert (line.server.peer, line.client.peer) == (CLIENT, SERVER)
    assert line.server.next_deadline() is None
    assert all(len(data) <= 1_200 for _, data in line.crossed)


def test_an_export_is_cut_as_the_rfc_says() -> None:
    exported = bytes(range(60))  # RFC 5764 section 4.2: two keys, then two salts
    client = keys_of(b"SRTP_AES128_CM_SHA1_80", exported, is_client=True)
    server = keys_of(b"SRTP_AES128_CM_SHA1_80", exported, is_client=False)
    assert client.send == bytes([*range(16), *range(32, 46)]) == server.receive
    assert client.receive == bytes([*range(16, 32), *range(46, 60)]) == server.send


@pytest.mark.parametrize(("of_client", "of_server"), [(Certificate(), OURS), (THEIRS, Certificate())])
def test_a_certificate_that_the_signalling_did_not_name_gives_no_keys(
    of_client: Certificate, of_server: Certificate
) -> None:
    line = Line(of_client, of_server)
    with pytest.raises(HandshakeFailed, match="signalling"):
        line.exchange()
    assert line.server.keys is None or line.client.keys is None


def test_nobody_is_told_more_than_he_said_before_he_proved_his_address() -> None:
    line = Line()
    ((hello, _),) = line.client.datagrams_to_send()
    line.server.receive(hello, STRANGER, line.now)
    said = line.server.datagrams_to_send()
    assert {to for _, to in said} == {STRANGER}
    assert sum(len(data) for data, _ in said) < len(hello)
    assert line.server.peer is None


def test_a_cookie_is_of_no_use_elsewhere() -> None:
    line = Line()
    ((hello, _),) = line.client.datagrams_to_send()
    line.server.receive(hello, CLIENT, line.now)
    ((cookie, _),) = line.server.datagrams_to_send()
    line.client.receive(cookie, SERVER, line.now)
    ((hello, _),) = line.client.datagrams_to_send()
    line.server.receive(hello, STRANGER, line.now)
    assert line.server.peer is None
    line.server.receive(hello, CLIENT, line.now)
    assert line.server.peer == CLIENT


def test_what_comes_from_elsewhere_is_not_heard() -> None:
    line = Line()
    alert = bytes.fromhex("15fefd000000000000000000020228")  # fatal: handshake failure
    line.client.receive(alert, STRANGER, line.now)
    line.exchange()
    agree(line)
    line.server.receive(alert, STRANGER, line.now)
    assert line.server.datagrams_to_send() == []


@pytest.mark.parametrize("lost", range(6))
def test_any_one_datagram_may_be_lost(lost: int) -> None:
    line = Line()
    seen = 0

    def pass_on(_: bytes) -> bool:
        nonlocal seen
        seen += 1
        return seen - 1 != lost

    line.pass_on = pass_on  # type: ignore[method-assign]
    line.exchange()
    if lost == 5:  # the server's last: it is done, and only the client's own clock can ask again
        assert line.server.keys is not None
        assert line.client.keys is None
        return
    for _ in range(3):
        if not line.done:
            line.wait()
            line.exchange()
    agree(line)
    assert line.now <= 103.0


def test_nobody_there_is_asked_ever_more_seldom_and_given_up_on() -> None:
    line = Line()
    asked_at: list[float] = []

    def wait_for_nobody() -> None:
        while True:
            asked_at.extend(line.now - 100 for _ in line.client.datagrams_to_send())
            line.wait()

    with pytest.raises(HandshakeFailed, match="time"):
        wait_for_nobody()
    assert asked_at == [0, 1, 3, 7, 15, 23]
    assert line.now == 130


def test_rubbish_before_between_and_after_changes_nothing() -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    source = random.Random(seed)
    line = Line()

    def rubbish() -> bytes:
        header = bytes([source.choice([22, 23, 63]), 0xFE, 0xFD]) + source.randbytes(source.randrange(40))
        return header if source.random() < 0.5 else source.randbytes(source.randrange(1, 200))

    def pass_on(_: bytes) -> bool:
        line.server.receive(rubbish(), CLIENT, line.now)
        return True

    line.pass_on = pass_on  # type: ignore[method-assign]
    for _ in range(50):
        line.server.receive(rubbish(), STRANGER, line.now)
    line.exchange()
    agree(line)
    line.exchange()
    for _ in range(50):
        line.server.receive(rubbish(), CLIENT, line.now)
