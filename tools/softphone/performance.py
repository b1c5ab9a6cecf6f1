"""A plan carried out: registers, calls or waits, does each step when its moment has come, and hangs up."""

from __future__ import annotations

import time
from collections.abc import Callable

import pjsua2 as pj

from tools.softphone.outcome import Report
from tools.softphone.phone import PhoneSettings, Softphone
from tools.softphone.plan import Plan, Press, Step
from tools.softphone.prompts import Prompts

REGISTER_WITHIN_S = 20.0
HANG_UP_WITHIN_S = 10.0


class Steps:
    """Those of a plan that have not been done yet."""

    def __init__(self, phone: Softphone, plan: Plan) -> None:
        self._phone = phone
        self._prompts = Prompts(phone) if plan.prompted else None
        self._pending: list[Step] = []
        for step in plan.steps:
            self._pending += step.one_by_one() if isinstance(step, Press) else [step]

    def poll(self) -> None:
        if self._prompts is not None:
            self._prompts.poll()
        due = [step for step in self._pending if self._is_due(step)]
        self._pending = [step for step in self._pending if step not in due]
        for step in due:
            self._do(step)

    def _is_due(self, step: Step) -> bool:
        if max(step.awaited, step.call) > len(self._phone.calls):
            return False
        call = self._phone.calls[step.awaited - 1]
        came_s = call.outcome.first(step.on)
        return came_s is not None and call.age_s() >= came_s + step.after

    def _do(self, step: Step) -> None:
        """One that PJSIP refuses is noted, and the call goes on."""
        call = self._phone.calls[step.call - 1]
        try:
            step.perform(call, self._phone)
        except pj.Error as error:
            call.outcome.notes.append(f"{name_of(step)}: {error.reason}")
        except IndexError:
            call.outcome.notes.append(f"{name_of(step)}: there is no such call")

    def note_undone(self) -> None:
        for step in self._pending:
            if step.call <= len(self._phone.calls):
                moment = f"{step.after:g} s after '{step.on}'"
                self._phone.calls[step.call - 1].outcome.notes.append(f"{name_of(step)}: {moment} never came")


def name_of(step: Step) -> str:
    return str(step.__struct_config__.tag)


def until(phone: Softphone, true: Callable[[], bool], at_most_s: float, steps: Steps | None = None) -> bool:
    """Handles events, and does the steps that are due; whether it came true in time."""
    deadline_s = time.monotonic() + at_most_s
    while not true():
        if time.monotonic() >= deadline_s:
            return False
        phone.handle_events()
        if steps is not None:
            steps.poll()
    return True


def carry_out(settings: PhoneSettings, plan: Plan, tell_ready: Callable[[str], None]) -> Report:
    """`tell_ready` is given our address when a call is waited for."""
    report = Report()
    with Softphone(settings) as phone:
        if settings.registrar:
            until(phone, lambda: bool(phone.registration), REGISTER_WITHIN_S)
            report.registration = phone.registration or 408
            if report.registration != 200:
                return report
        phone.tape = plan.tape
        if plan.uri:
            phone.dial(plan.uri)
        elif plan.listen:
            tell_ready(phone.contact)
        else:
            return report
        talk(phone, plan)
        report.calls = [call.outcome for call in phone.calls]
    return report


def talk(phone: Softphone, plan: Plan) -> None:
    """From the first call's beginning until all are over, or time is up."""
    steps = Steps(phone, plan)

    def none_left() -> bool:
        return bool(phone.calls) and all(call.over for call in phone.calls)

    def answered() -> bool:
        return none_left() or (bool(phone.calls) and phone.calls[0].outcome.answered)

    try:
        if until(phone, answered, plan.answer_within_s, steps):
            until(phone, none_left, plan.seconds, steps)
        elif phone.calls:
            phone.calls[0].outcome.notes.append(f"not answered within {plan.answer_within_s:g} s")
        steps.note_undone()
    finally:
        phone.hang_up_all()
        until(phone, none_left, HANG_UP_WITHIN_S if phone.calls else 0.0)
