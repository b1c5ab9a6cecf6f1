"""espeak-ng as a voice: the library of the `espeakng-loader` wheel, loaded at run time only (extra `local`, GPL).

The library keeps its state in globals, so one call at a time may be inside it. The others wait for that as tasks, not
as threads, and may be cancelled while they do; a sentence takes a few milliseconds, and one that nobody wants any more
is finished and thrown away. It is loaded where it is used, in the worker thread, at the first sentence.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import threading
from array import array
from bisect import bisect_right
from collections.abc import AsyncGenerator, Iterator, Sequence
from functools import cache
from itertools import accumulate, pairwise
from typing import Any

import trio

from mediasrv.providers.protocols import ProviderError, SpeechChunk, WordTime
from mediasrv.providers.voices import characters

DECLARATIONS = """
typedef struct {
    int type; unsigned int unique_identifier; int text_position; int length; int audio_position; int sample;
    void *user_data; union { int number; const char *name; char string[8]; } id;
} espeak_EVENT;
typedef int (*t_espeak_callback)(short *wav, int samples, espeak_EVENT *events);
int espeak_Initialize(int output, int buflength, const char *path, int options);
void espeak_SetSynthCallback(t_espeak_callback callback);
int espeak_SetVoiceByName(const char *name);
int espeak_Synth(const void *text, size_t size, unsigned int position, int position_type,
                 unsigned int end_position, unsigned int flags, unsigned int *unique_identifier, void *user_data);
"""
OUTPUT_SYNCHRONOUS = 2
UTF_8 = 1
POSITION_CHARACTER = 1
NO_EXIT = 0x8000
EVENT_END_OF_LIST, EVENT_WORD = 0, 1
CHUNK_MS = 200
DEFAULT_VOICE = "en"


class EspeakVoice:
    name = "espeak"

    async def stream(self, text: str, voice: str) -> AsyncGenerator[SpeechChunk, None]:
        pcm, rate_hz, words = await trio.to_thread.run_sync(
            lambda: library().speak(text, voice or DEFAULT_VOICE),
            abandon_on_cancel=True,
            limiter=_one_at_a_time(),
        )
        step = rate_hz * CHUNK_MS // 1000 * 2
        for at in range(0, len(pcm), step):
            piece = pcm[at : at + step]
            from_ms, until_ms = at / 2 * 1000 / rate_hz, (at + len(piece)) / 2 * 1000 / rate_hz
            yield SpeechChunk(piece, rate_hz, tuple(w for w in words if from_ms <= w.start_ms < until_ms))
        yield SpeechChunk(b"", rate_hz, usage=characters(self.name, voice, text))


class EspeakLibrary:
    def __init__(self) -> None:
        ffi, loader = _optional("cffi").FFI(), _optional("espeakng_loader")
        ffi.cdef(DECLARATIONS)
        self._ffi, self._lock = ffi, threading.Lock()
        try:
            self._so: Any = ffi.dlopen(loader.get_library_path())
        except OSError as error:
            raise ProviderError("espeak", str(error), retryable=False) from error
        path = str(loader.get_data_path()).encode()
        self._rate_hz = int(self._so.espeak_Initialize(OUTPUT_SYNCHRONOUS, 0, path, NO_EXIT))
        if self._rate_hz <= 0:
            raise ProviderError("espeak", "the library does not start", retryable=False)
        self._pcm, self._marks = array("h"), list[tuple[int, int]]()
        self._callback = ffi.callback("t_espeak_callback", self._take)
        self._so.espeak_SetSynthCallback(self._callback)

    def speak(self, text: str, voice: str) -> tuple[bytes, int, tuple[WordTime, ...]]:
        """The whole text as sound, with its words; belongs into a worker thread."""
        encoded = text.encode() + b"\0"
        with self._lock:
            self._pcm, self._marks = array("h"), []
            if self._so.espeak_SetVoiceByName(voice.encode()) != 0:
                self._so.espeak_SetVoiceByName(DEFAULT_VOICE.encode())
            nothing = self._ffi.NULL
            status = self._so.espeak_Synth(
                encoded, len(encoded), 0, POSITION_CHARACTER, 0, UTF_8, nothing, nothing
            )
            if status != 0:
                raise ProviderError("espeak", f"status {status}", retryable=True)
            sound_ms = len(self._pcm) * 1000 // self._rate_hz
            return self._pcm.tobytes(), self._rate_hz, words_as_written(text, self._marks, sound_ms)

    def _take(self, wav: Any, samples: int, events: Any) -> int:
        if wav != self._ffi.NULL and samples > 0:
            self._pcm.frombytes(bytes(self._ffi.buffer(wav, samples * 2)))
        k = 0
        while events[k].type != EVENT_END_OF_LIST:
            if events[k].type == EVENT_WORD:
                self._marks.append((events[k].text_position - 1, events[k].audio_position))
            k += 1
        return 0


def words_as_written(text: str, marks: Sequence[tuple[int, int]], sound_ms: int) -> tuple[WordTime, ...]:
    """Each word of the text once, by marks of a character of it and a time.

    The library marks what it pronounces: "20:30" has two marks, and "fine" in "ok - fine" none. A word begins with the
    first mark in it, and those without share the time of the one before them by their length.
    """
    words = list(re.finditer(r"\S+", text))
    starts = [word.start() for word in words]
    begins: list[tuple[int, int]] = []  # which word, and when
    for character, at_ms in marks:
        word = max(0, bisect_right(starts, character) - 1)
        if not begins or word > begins[-1][0]:
            begins.append((word, at_ms))
    begins[:1] = [(0, at_ms) for _, at_ms in begins[:1]]
    told: list[WordTime] = []
    for (word, at_ms), (following, until_ms) in pairwise([*begins, (len(words), sound_ms)]):
        told += _side_by_side([each.group() for each in words[word:following]], at_ms, max(at_ms, until_ms))
    return tuple(told)


def _side_by_side(words: list[str], start_ms: int, end_ms: int) -> Iterator[WordTime]:
    weights = [0, *accumulate(len(word) + 1 for word in words)]
    for word, (before, after) in zip(words, pairwise(weights), strict=True):
        span_ms = (end_ms - start_ms) / weights[-1]
        yield WordTime(word, start_ms + span_ms * before, start_ms + span_ms * after)


def is_installed() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("cffi", "espeakng_loader"))


def _optional(module: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ProviderError(
            "espeak", f"the extra `local` is not installed: {error}", retryable=False
        ) from error


_LIMITER: trio.lowlevel.RunVar[trio.CapacityLimiter] = trio.lowlevel.RunVar("espeak")


def _one_at_a_time() -> trio.CapacityLimiter:
    """Of its own, so that nobody else waits for a thread because of us."""
    try:
        return _LIMITER.get()
    except LookupError:
        limiter = trio.CapacityLimiter(1)
        _LIMITER.set(limiter)
        return limiter


@cache
def library() -> EspeakLibrary:
    """One for the process: espeak-ng's state is global."""
    return EspeakLibrary()
