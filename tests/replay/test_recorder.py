"""What a recorder writes leaves in pieces, and is whole whatever becomes of them."""

from __future__ import annotations

from pathlib import Path

from mediasrv.ids import CallId
from mediasrv.legs import CallInfo
from mediasrv.media.again import Moment, MomentKind
from mediasrv.replay.recorder import PIECE_BYTES, RTP_HEADER, SILENT, Recorder
from mediasrv.replay.steps import Passes, SteadyClock
from mediasrv.replay.tape import VERSION, Beginning, Tape, digest

BEGINNING = Beginning(VERSION, CallInfo(CallId("a1"), "anna", "100", "local"), "echo", 7, 9, {}, {})
PEER = ("127.0.0.1", 4_000)
PACKET = b"\x80\x00" + bytes(10) + b"heard" * 32
LINE_BYTES_LEAST = len(PACKET)


class Disk:
    """Takes as many pieces as it has room for."""

    def __init__(self, room: int = 1_000) -> None:
        self.pieces: list[bytes] = []
        self.room = room

    def write(self, piece: bytes) -> bool:
        self.room -= 1
        if self.room < 0:
            return False
        self.pieces.append(piece)
        return True

    def tape(self, directory: Path) -> Tape:
        path = directory / "a.jsonl"
        path.write_bytes(b"".join(self.pieces))
        return Tape.read(path)


def recorder(disk: Disk, clock: SteadyClock | None = None) -> Recorder:
    clock = clock or SteadyClock()
    made = Recorder(clock, Passes(clock, lambda task: None), disk.write)
    made.begin(BEGINNING)
    return made


def received(count: int, at_ns: int = 1) -> list[Moment]:
    return [Moment(number, MomentKind.RECEIVED, at_ns, 0, PEER, PACKET) for number in range(1, count + 1)]


def test_what_is_written_leaves_in_pieces_and_is_whole_at_the_end(tmp_path: Path) -> None:
    disk, moments = Disk(), received(400)
    kept = recorder(disk)
    for moment in moments:
        kept.moments([moment])
    assert len(disk.pieces) < len(moments) * 2 * LINE_BYTES_LEAST / PIECE_BYTES + 1
    kept.end()
    tape = disk.tape(tmp_path)
    assert tape.moments == moments
    assert tape.end is not None
    assert tape.end.lost == 0


def test_every_piece_ends_with_a_line_so_that_what_a_crash_leaves_can_be_read() -> None:
    disk = Disk()
    kept = recorder(disk)
    kept.moments(received(400))
    assert disk.pieces
    assert all(piece.endswith(b"}\n") for piece in disk.pieces)


def test_behind_a_piece_that_found_no_room_comes_only_the_end_that_counts_what_is_missing(
    tmp_path: Path,
) -> None:
    disk = Disk(room=1)
    kept = recorder(disk)
    kept.moments(received(200))  # with the beginning: the piece that there is room for
    kept.moments(received(200))
    kept.moments(received(3))
    disk.room = 1
    kept.end()
    tape = disk.tape(tmp_path)
    assert tape.moments == received(200)
    assert tape.end is not None
    assert tape.end.lost == 203


def test_nothing_is_written_behind_the_end() -> None:
    disk = Disk()
    kept = recorder(disk)
    kept.end()
    before = list(disk.pieces)
    kept.moments(received(400))
    kept.end()
    assert disk.pieces == before


def test_of_what_was_sent_there_is_a_digest_and_of_what_is_secret_silence(tmp_path: Path) -> None:
    disk, clock = Disk(), SteadyClock()
    kept = recorder(disk, clock)
    kept.moments([Moment(1, MomentKind.SENT, clock.now_ns(), 0, PEER, PACKET)])
    kept.is_secret = lambda: True
    kept.moments(received(1, clock.now_ns()))
    kept.end()
    sent, heard = disk.tape(tmp_path).moments
    assert sent.data == digest(PACKET)
    assert heard.data == PACKET[:RTP_HEADER] + SILENT * (len(PACKET) - RTP_HEADER)
