"""Sarvam's recogniser over HTTP: a piece of speech in, its words out, for where no WebSocket gets through.

Pieces are cut where our gate hears pauses, and are shorter than the half minute that the service takes. Its older
translating models (`saaras:v1` to `saaras:v2.5`) stand under an address of their own, find the language out by
themselves and answer in English, whatever was spoken; newer ones translate when they are told to (`options.mode`).
"""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from mediasrv.providers.protocols import ProviderError, SttStream, Transcript, Usage
from mediasrv.providers.sarvam.languages import DETECT, code_of, heard_in
from mediasrv.providers.sound import AudioMeter, Utterance, open_piecewise, wav_file
from mediasrv.providers.wire import HttpService

BASE_URL = "https://api.sarvam.ai/"
MODEL = "saarika:v2.5"
TRANSLATING = re.compile(r"saaras:v[12](\.\d+)?$")


@dataclass(frozen=True, slots=True)
class SarvamBatchSettings:
    name: str
    charge: Callable[[Usage], Usage]
    model: str = MODEL
    extra: Mapping[str, object] = field(default_factory=dict)  # `mode`, `prompt` ...

    @property
    def translates(self) -> bool:
        return TRANSLATING.match(self.model) is not None


class SarvamBatchEars:
    """A SpeechToText over one service; serves all calls."""

    words_after_ms = math.inf  # there are no partial transcripts

    def __init__(self, settings: SarvamBatchSettings, http: HttpService) -> None:
        self.name, self._settings, self._http = settings.name, settings, http

    async def warm(self) -> None:
        await self._http.warm()

    @asynccontextmanager
    async def open(self, language: str) -> AsyncIterator[SttStream]:
        async def recognise(piece: Utterance) -> Transcript:
            return await self._recognise(piece, language)

        meter = AudioMeter(self.name, self._settings.model, self._settings.charge)
        async with open_piecewise(recognise, meter) as stream:
            yield stream

    async def _recognise(self, piece: Utterance, language: str) -> Transcript:
        settings = self._settings
        fields: dict[str, object] = {"model": settings.model, **settings.extra}
        if not settings.translates:
            fields["language_code"] = code_of(language) or DETECT
        file = {"file": ("speech.wav", wav_file(piece.pcm), "audio/wav")}
        path = "speech-to-text-translate" if settings.translates else "speech-to-text"
        async with self._http.request("POST", path, data=fields, files=file) as answer:
            told = await answer.json()
        if not isinstance(told, dict) or not isinstance(told.get("transcript"), str):
            raise ProviderError(self.name, "an answer without a transcript", retryable=True)
        text, (spoken_in, sure) = told["transcript"].strip(), heard_in(told, language)
        return Transcript(text, piece.whole, sure, piece.start_ms, piece.end_ms, spoken_in)
