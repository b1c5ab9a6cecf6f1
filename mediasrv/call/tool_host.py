"""Runs a call's tools, each as it declared that an interruption should treat it.

It lives in the call's nursery, so a shielded tool outlives the turn that asked for it: the turn only waits, and
cancelling the turn ends the waiting, not the tool. When the call itself ends, a shielded tool may still finish
within its own deadline. Whatever becomes of a tool, the history has a result for its call.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import trio

from mediasrv.call.record import ToolRecord, turn_id
from mediasrv.clock import NS_PER_MS
from mediasrv.conversation.arguments import check_for
from mediasrv.conversation.history import History
from mediasrv.conversation.surrogates import mended
from mediasrv.conversation.tools import OnCancel, Prepared, Tool, ToolResult
from mediasrv.errors import leaves
from mediasrv.providers.protocols import ToolCall
from mediasrv.telemetry.timeline import SECRET


@dataclass(slots=True)
class _Job:
    tool: Tool
    turn: int
    call: ToolCall
    record: ToolRecord
    began_ns: int


def status(text: str) -> str:
    """A result that tells the model what became of the tool instead of what it found."""
    return json.dumps({"status": text})


def told_whole(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


@dataclass(frozen=True, slots=True)
class ToolOwner:
    """The call that tools belong to, or whatever stands for it.

    `start_soon`: for what outlives the turn; `told`: what may be written down of a tool's error; `covers`: whether what
    began then may hold what was secret.
    """

    name: str
    now_ns: Callable[[], int]
    note: Callable[..., None]
    start_soon: Callable[..., None]
    told: Callable[[BaseException], str] = told_whole
    covers: Callable[[int], bool] = lambda began_ns: False


class ToolHost:
    def __init__(self, owner: ToolOwner, tools: Iterable[Tool], history: History) -> None:
        self._owner, self._history = owner, history
        self._tools = {tool.spec.name: tool for tool in tools}
        self._checks = {name: check_for(name, tool.spec.parameters) for name, tool in self._tools.items()}
        self._unheard: dict[int, list[tuple[_Job, Prepared]]] = {}

    def described(self) -> list[Mapping[str, object]]:
        return [tool.spec.described() for tool in self._tools.values()]

    async def invoke(self, turn: int, call: ToolCall, records: list[ToolRecord]) -> ToolResult:
        """The tool's result, or what became of it; raises nothing of the tool's."""
        tool = self._tools.get(call.name)
        policy = "none" if tool is None else tool.spec.policy.value
        record = ToolRecord(call.id, call.name, dict(call.arguments), policy)
        records.append(record)
        if tool is None:
            return self._refused(turn, record, "failed", f"there is no tool {call.name}")
        if problem := self._checks[call.name](call.arguments):
            return self._refused(turn, record, "refused", f"not run: {problem}")
        job = _Job(tool, turn, call, record, self._owner.now_ns())
        self._owner.note("tool", turn=turn, tool=call.name, id=call.id)
        match tool.spec.policy:
            case OnCancel.CANCEL:
                return await self._run_in_turn(job)
            case OnCancel.SHIELD:
                return await self._run_in_call(job)
            case OnCancel.COMMIT_IF_HEARD:
                return await self._prepare(job)

    def heard(self, turn: int) -> None:
        """The caller has heard the turn's reply to its end: what waited for that goes on."""
        for job, prepared in self._unheard.pop(turn, []):
            self._owner.start_soon(self._commit, job, prepared)

    def unheard(self, turn: int) -> None:
        """The caller has not: what waited for that is not done."""
        for job, _ in self._unheard.pop(turn, []):
            self._note(
                job, "withdrawn", status("not done: the caller has not heard the reply that went with it")
            )

    def _refused(self, turn: int, record: ToolRecord, outcome: str, problem: str) -> ToolResult:
        """Nothing is run, and everybody who asks is told why: the model, the record, the timeline."""
        result = record.result = status(problem)
        record.outcome = outcome
        if self._mask(record, self._owner.now_ns()):
            problem = SECRET  # which quotes what was asked for
        self._owner.note("tool_refused", turn=turn, tool=record.name, id=record.id, problem=problem)
        return ToolResult(record.id, result, ok=False)

    async def _run_in_turn(self, job: _Job) -> ToolResult:
        try:
            return await self._perform(job)
        finally:
            if job.record.outcome == "pending":
                self._note(job, "cancelled", status("cancelled: the caller interrupted"))

    async def _run_in_call(self, job: _Job) -> ToolResult:
        done = trio.Event()
        results: list[ToolResult] = []

        async def shielded() -> None:
            with trio.CancelScope(shield=True):
                results.append(await self._perform(job))
            done.set()

        self._owner.start_soon(shielded)
        await done.wait()  # cancelled: the tool goes on, and the history learns its result when it comes
        return results[0]

    async def _prepare(self, job: _Job) -> ToolResult:
        prepared: Prepared | None = None
        try:
            with trio.move_on_after(job.tool.spec.deadline_s):
                prepared = await job.tool.prepare(job.call)
        except Exception as error:
            return self._failed(job, error)
        except BaseExceptionGroup as group:
            raise self._cancelled(job, group) from None
        finally:
            if prepared is None and job.record.outcome == "pending":
                self._note(job, "cancelled", status("not prepared"))
        if prepared is None:
            return ToolResult(job.call.id, status("not prepared in time"), ok=False)
        self._unheard.setdefault(job.turn, []).append((job, prepared))
        job.record.outcome = "prepared"
        self._mask(job.record, job.began_ns)  # the turn may be written down before it is committed
        return ToolResult(
            job.call.id, mended(prepared.preview) or status("will be done when the caller has heard of it")
        )

    async def _commit(self, job: _Job, prepared: Prepared) -> None:
        with trio.CancelScope(shield=True):
            await self._perform(job, prepared)

    async def _perform(self, job: _Job, prepared: Prepared | None = None) -> ToolResult:
        """Prepares (unless that was done) and commits, within the tool's deadline."""
        # the ids of tool calls begin anew with each party that the call has
        key = f"{turn_id(self._owner.name, job.turn)}:{job.call.id}"
        result: ToolResult | None = None
        try:
            with trio.move_on_after(job.tool.spec.deadline_s):
                prepared = prepared or await job.tool.prepare(job.call)
                done = await job.tool.commit(prepared, key)
                result = replace(done, text=mended(done.text))
        except Exception as error:
            return self._failed(job, error)
        except BaseExceptionGroup as group:
            raise self._cancelled(job, group) from None
        if result is None:
            result = ToolResult(job.call.id, status(f"no answer in {job.tool.spec.deadline_s:g} s"), ok=False)
            self._note(job, "timed_out", result.text)
        else:
            self._note(job, "done" if result.ok else "failed", result.text)
        return result

    def _cancelled(self, job: _Job, group: BaseExceptionGroup[BaseException]) -> BaseException:
        """What goes on of a cancellation that the tool met with errors: those are the tool's, and are told here."""
        errors, others = group.split(Exception)
        if errors is not None:
            several = leaves(errors)
            self._failed(job, several[0] if len(several) == 1 else errors)
        return others or group

    def _failed(self, job: _Job, error: BaseException) -> ToolResult:
        text = status(f"failed: {type(error).__name__}")
        self._note(job, "failed", text, error=mended(self._owner.told(error)))
        return ToolResult(job.call.id, text, ok=False)

    def _note(self, job: _Job, outcome: str, text: str, error: str = "") -> None:
        """Once for each end of a tool: history, record and timeline together."""
        job.record.outcome, job.record.result = outcome, text
        self._mask(job.record, job.began_ns)
        job.record.ms = round((self._owner.now_ns() - job.began_ns) / NS_PER_MS, 3)
        self._history.resolve(job.call.id, text)
        self._owner.note(
            "tool_ended", turn=job.turn, tool=job.call.name, id=job.call.id, outcome=outcome, error=error
        )

    def _mask(self, record: ToolRecord, began_ns: int) -> bool:
        """Of a tool that ran while the call was secure, the record keeps no word."""
        if not self._owner.covers(began_ns):
            return False
        record.arguments = dict.fromkeys(record.arguments, SECRET)
        record.result = SECRET if record.result else record.result
        return True
