"""A WebSocket client that shares no code with us calls the server, over WS and WSS."""

from __future__ import annotations

import ssl
from functools import partial
from pathlib import Path

import pytest
import trio
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from mediasrv.bench.instruments.server_process import serving
from tests.interop.patience import PATIENCE_S
from tests.interop.tls import certificate, free_tcp_port

pytestmark = pytest.mark.interop
APP = "https://app.example"
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)
HEAD = (
    "{method} sip:100@127.0.0.1;transport=ws SIP/2.0\r\n"
    "Via: SIP/2.0/WS browser.invalid;branch=z9hG4bK{call}{branch}\r\nMax-Forwards: 70\r\n"
    "From: <sip:anna@app.example>;tag=77\r\nTo: <sip:100@127.0.0.1>{tag}\r\nCall-ID: {call}\r\n"
    "CSeq: {cseq}\r\nContact: <sip:anna@browser.invalid;transport=ws>\r\n"
)


def call(url: str, context: ssl.SSLContext | None) -> list[str]:
    """INVITE, ACK, BYE; the status lines that came back."""
    with connect(url, subprotocols=[Subprotocol("sip")], origin=Origin(APP), ssl=context) as socket:
        say = partial(HEAD.format, call=url.partition(":")[0])
        head = say(method="INVITE", branch="1", tag="", cseq="1 INVITE")
        socket.send(head + "Content-Type: application/sdp\r\n\r\n" + SDP.format(port=40_000))
        told = [message(socket)]
        while not told[-1].startswith("SIP/2.0 2"):
            told.append(message(socket))
        to = next(line for line in told[-1].split("\r\n") if line.startswith("To:"))
        tag = ";tag=" + to.partition(";tag=")[2]
        socket.send(say(method="ACK", branch="2", tag=tag, cseq="1 ACK") + "\r\n")
        assert socket.ping().wait(PATIENCE_S)
        socket.send((say(method="BYE", branch="3", tag=tag, cseq="2 BYE") + "\r\n").encode())
        told.append(message(socket))
        return [each.partition("\r\n")[0] for each in told]


def message(socket: ClientConnection) -> str:
    got = socket.recv(PATIENCE_S)
    return got if isinstance(got, str) else got.decode()


def refused(url: str) -> int:
    try:
        connect(url, subprotocols=[Subprotocol("sip")], origin=Origin("https://evil.example"))
    except InvalidStatus as error:
        return error.response.status_code
    return 0


async def test_a_browser_calls_over_ws_and_wss_and_a_strange_page_may_not(tmp_path: Path) -> None:
    ws, wss, (pem, key) = free_tcp_port(), free_tcp_port(), certificate(tmp_path)
    lines = (
        f"ws_port = {ws}", f"wss_port = {wss}", f'ws_origins = ["{APP}"]',
        f'tls_certificate = "{pem}"', f'tls_key = "{key}"',
    )  # fmt: skip
    file = tmp_path / "ws.toml"
    file.write_text("[sip]\n" + "\n".join(lines) + "\n")
    trusting = ssl.create_default_context(cafile=str(pem))
    async with serving(tmp_path, ["--config", str(file), "--agent", "tone"]):
        for url, context in ((f"ws://127.0.0.1:{ws}/", None), (f"wss://127.0.0.1:{wss}/", trusting)):
            with trio.fail_after(PATIENCE_S):
                told = await trio.to_thread.run_sync(partial(call, url, context))
            assert told == ["SIP/2.0 100 Trying", "SIP/2.0 200 OK", "SIP/2.0 200 OK"]
        assert await trio.to_thread.run_sync(refused, f"ws://127.0.0.1:{ws}/") == 403
