"""One call: what PJSIP calls back into, what a plan or a person can do in it, and the events that it leaves.

Everything happens in the main thread, from within `Softphone.handle_events`.
"""

# ruff: noqa: N802 - the names of callbacks are PJSIP's

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Literal

import pjsua2 as pj

from tools.softphone.attention import Attention
from tools.softphone.deck import Deck, Tape
from tools.softphone.outcome import Event, Outcome

KeysBy = Literal["rfc4733", "info", "inband"]
Adopt = Callable[["PhoneCall"], None]
STATES: Mapping[int, str] = {
    pj.PJSIP_INV_STATE_CALLING: "dialled",
    pj.PJSIP_INV_STATE_INCOMING: "called",
    pj.PJSIP_INV_STATE_EARLY: "ringing",
    pj.PJSIP_INV_STATE_CONFIRMED: "answered",
    pj.PJSIP_INV_STATE_DISCONNECTED: "over",
}
MEDIA: Mapping[int, str] = {
    pj.PJSUA_CALL_MEDIA_ACTIVE: "talking",
    pj.PJSUA_CALL_MEDIA_LOCAL_HOLD: "holding",
    pj.PJSUA_CALL_MEDIA_REMOTE_HOLD: "held",
}
SECURE = "SRTP status: Active"


class PhoneCall(pj.Call):  # type: ignore[misc]
    """`adopt` is told of calls that come out of this one: where a REFER sends us, what replaces it."""

    def __init__(
        self,
        account: pj.Account,
        adopt: Adopt,
        uri: str,
        tape: Tape | None,
        number: int = pj.PJSUA_INVALID_ID,
    ) -> None:
        super().__init__(account, number)
        self.outcome = Outcome(uri)
        self.over = False
        self.incoming = number != pj.PJSUA_INVALID_ID
        self._account, self._adopt = account, adopt
        self._deck = Deck(tape)
        self._attention = Attention()
        self._began_s = time.monotonic()

    # ---- what happens -------------------------------------------------------------------------------------------

    def note(self, name: str) -> None:
        self.outcome.events.append(Event(round(time.monotonic() - self._began_s, 3), name))

    @property
    def heard_s(self) -> float:
        """Of the other side's voice, in all."""
        return self._attention.heard_s

    def age_s(self) -> float:
        return time.monotonic() - self._began_s

    def onCallState(self, _: object) -> None:
        info = self.getInfo()
        if info.state in STATES:
            self.note(STATES[info.state])
        if info.state == pj.PJSIP_INV_STATE_CONFIRMED:
            self.outcome.answered = True
            self.outcome.answered_after_s = self.outcome.first("answered")
        elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self._note_end(info)

    def _note_end(self, info: pj.CallInfo) -> None:
        self.over = True
        self.outcome.status, self.outcome.reason = info.lastStatusCode, info.lastReason
        self.outcome.hung_up_by = self.outcome.hung_up_by or "them"
        answered_s = self.outcome.first("answered")
        if answered_s is not None:
            self.outcome.talked_s = round(self.age_s() - answered_s, 3)

    def onCallMediaState(self, _: object) -> None:
        info = self.getInfo()  # kept: the list of media belongs to it
        for index, media in enumerate(info.media):
            if media.type == pj.PJMEDIA_TYPE_AUDIO and media.status in MEDIA:
                self.note(MEDIA[media.status])
                if media.status == pj.PJSUA_CALL_MEDIA_ACTIVE:
                    self.outcome.recorded = self._deck.connect(self.getAudioMedia(index))

    def onStreamDestroyed(self, _: object) -> None:
        """A stream lives from one agreement to the next: what each counted is added up."""
        stream, statistics = self.getStreamInfo(0), self.getStreamStat(0)
        outcome, received = self.outcome, statistics.rtcp.rxStat
        outcome.codec = stream.codecName
        outcome.secured = SECURE in self.dump(True, "")  # also where the profile says RTP/AVP
        outcome.packets_sent += statistics.rtcp.txStat.pkt
        outcome.packets_received += received.pkt
        outcome.packets_lost += received.loss
        outcome.jitter_ms = round(received.jitterUsec.mean / 1000, 3)
        outcome.round_trip_ms = round(statistics.rtcp.rttUsec.mean / 1000, 3)

    def onDtmfDigit(self, heard: pj.OnDtmfDigitParam) -> None:
        self.outcome.keys_heard += heard.digit
        self.note(f"key {heard.digit}")

    def onCallTransferStatus(self, told: pj.OnCallTransferStatusParam) -> None:
        self.outcome.transfer_status = told.statusCode
        self.note(f"transfer {told.statusCode}")

    def onCallTransferRequest(self, asked: pj.OnCallTransferRequestParam) -> None:
        """The other side sends us elsewhere: we go, in a call of its own."""
        self.note(f"sent to {asked.dstUri}")
        asked.newCall = self._successor(asked.dstUri)

    def onCallReplaced(self, by: pj.OnCallReplacedParam) -> None:
        self.note("replaced")
        by.newCall = self._successor("", by.newCallId)

    def listen(self) -> None:
        """Notes when the other side begins to speak, and when it has finished."""
        if self.over or not self.hasMedia():
            return
        try:
            level = self._sound().getTxLevel()  # as the bridge sees it: what the call gives to it
        except pj.Error:  # on hold, or on its way out
            level = 0
        if name := self._attention.hear(level, time.monotonic()):
            self.note(name)

    def _successor(self, uri: str, number: int = pj.PJSUA_INVALID_ID) -> PhoneCall:
        call = PhoneCall(self._account, self._adopt, uri, None, number)
        self._adopt(call)
        return call

    def held_by_us(self) -> bool:
        states = [event.name for event in self.outcome.events if event.name in MEDIA.values()]
        return states[-1:] == ["holding"]

    # ---- what is done -------------------------------------------------------------------------------------------

    def pick_up(self, status: int = 200) -> None:
        """Answers, or refuses with another status."""
        wish = pj.CallOpParam(True)
        wish.statusCode = status
        self.answer(wish)

    def play(self, file: Path) -> None:
        self._deck.play(file, self._sound())

    def press(self, digits: str, by: KeysBy = "rfc4733") -> None:
        self._press(digits, by)
        self.note(f"pressed {digits}")

    def _press(self, digits: str, by: KeysBy) -> None:
        if by == "inband":
            self._deck.sound_keys(digits, self._sound())
            return
        keys = pj.CallSendDtmfParam()
        keys.digits = digits
        keys.method = pj.PJSUA_DTMF_METHOD_SIP_INFO if by == "info" else pj.PJSUA_DTMF_METHOD_RFC2833
        self.sendDtmf(keys)

    def hold(self) -> None:
        self.setHold(pj.CallOpParam(True))

    def resume(self) -> None:
        again = pj.CallOpParam(True)
        again.opt.flag = pj.PJSUA_CALL_UNHOLD
        self.reinvite(again)

    def transfer(self, uri: str) -> None:
        """Blind: the other side is asked to call there (REFER), and tells how that goes."""
        self.xfer(uri, pj.CallOpParam(True))

    def transfer_to(self, other: PhoneCall) -> None:
        """Attended: our two parties are asked to talk with each other (REFER with Replaces)."""
        self.xferReplaces(other, pj.CallOpParam(True))

    def hang_up(self) -> None:
        self.outcome.hung_up_by = "us"
        self.hangup(pj.CallOpParam(True))

    def let_go(self) -> None:
        self._deck.let_go()

    # ---- sound --------------------------------------------------------------------------------------------------

    def _sound(self) -> pj.AudioMedia:
        return self.getAudioMedia(-1)  # the first that is active; PJSIP's error otherwise
