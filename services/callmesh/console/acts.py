"""What a person does to a case by its number: one command of the line, or one act of its page, becomes one RPC.

A case is told by the end of its number, among the open ones, or by its whole name. What is offered for a case is what
its state allows; whether this person may, the mesh decides.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from callmesh.api.v1 import (
    case_pb2,
    gateway_service_pb2,
    intake_service_pb2,
    referral_pb2,
    supervision_service_pb2,
    tracking_service_pb2,
    transfer_service_pb2,
)
from callmesh.console.calls import Calls
from callmesh.console.clients import Acting
from callmesh.console.commands import Command, NotUnderstood, agency_meant, case_meant, ground_meant
from callmesh.console.listing import every
from callmesh.console.rows import OPEN_STATES
from callmesh.domain.directory import City
from callmesh.domain.names import SHORT
from callmesh.states import ENDED, OPEN, WAITING, WORKING

_R = referral_pb2.Referral
_OURS = (_R.OFFERED, _R.ACCEPTED, _R.IN_PROGRESS, _R.SUSPENDED)
_C = case_pb2.Case
_UNSOLVED = ("未解决", "unsolved")
DEFAULT_RETURN = "not_our_duty"


@dataclass(frozen=True)
class Acts:
    """A person, the city, and the request id of this press."""

    acting: Acting
    city: City
    request_id: str

    async def do(self, command: Command) -> case_pb2.Case:
        """Carries it out; raises NotUnderstood, AioRpcError."""
        case = await self.case(command.case)
        act: Callable[[case_pb2.Case, str], Awaitable[object]] = getattr(self, f"_{command.verb}")
        await act(case, command.words)
        return case

    async def case(self, said: str) -> case_pb2.Case:
        """The case of that name, or whose number ends so: any one by what screens show, an open one by less."""
        if said.startswith("cases/"):
            asked = tracking_service_pb2.GetCaseRequest(name=said)
            return await self.acting.do(self.acting.mesh.tracking.GetCase, asked)
        wanted = tracking_service_pb2.CaseFilter(states=OPEN_STATES)
        if len(said) >= SHORT:  # what screens show: a closed one too, to look at or to open again
            wanted = tracking_service_pb2.CaseFilter(id=said)
        by_name = {one.name: one for one in await every(self.acting, wanted)}
        return by_name[case_meant(list(by_name), said)]

    async def _accept(self, case: case_pb2.Case, words: str) -> object:
        request = gateway_service_pb2.AcceptReferralRequest(
            request_id=self.request_id, name=self._ours(case).name, handler=self.acting.account.person, unit=words
        )
        return await self.acting.do(self.acting.mesh.gateway.AcceptReferral, request)

    async def _return(self, case: case_pb2.Case, words: str) -> object:
        request = gateway_service_pb2.ReturnReferralRequest(
            request_id=self.request_id, name=self._ours(case).name, reason=DEFAULT_RETURN, basis=needed(words)
        )
        return await self.acting.do(self.acting.mesh.gateway.ReturnReferral, request)

    async def _resolve(self, case: case_pb2.Case, words: str) -> object:
        request = gateway_service_pb2.ResolveReferralRequest(
            request_id=self.request_id, name=self._ours(case).name, result=needed(words), public_reply=words
        )
        return await self.acting.do(self.acting.mesh.gateway.ResolveReferral, request)

    async def _remind(self, case: case_pb2.Case, words: str) -> object:
        held = last(case, _OURS)
        request = supervision_service_pb2.RemindReferralRequest(
            request_id=self.request_id, name=held.name, reason=words or "请反馈进展"
        )
        return await self.acting.do(self.acting.mesh.supervision.RemindReferral, request)

    async def _grant(self, case: case_pb2.Case, words: str) -> object:
        """To the agency that is named, else onwards by the city's data."""
        agency = agency_meant(self.city, words) if words else ""
        return await self._decide(case, True, "同意退单", agency)

    async def _deny(self, case: case_pb2.Case, words: str) -> object:
        return await self._decide(case, False, needed(words))

    async def _decide(self, case: case_pb2.Case, granted: bool, reason: str, agency: str = "") -> object:
        asked = last(case, (_R.RETURN_REQUESTED,))
        request = transfer_service_pb2.DecideReturnRequest(
            request_id=self.request_id, name=asked.name, granted=granted, reason=reason, agency=agency
        )
        return await self.acting.do(self.acting.mesh.transfer.DecideReturn, request)

    async def _offer(self, case: case_pb2.Case, words: str) -> object:
        """To the agency that is named, which helps where another one leads; else to whom the catalogue says."""
        request = transfer_service_pb2.TransferCaseRequest(request_id=self.request_id, name=case.name)
        agency = agency_meant(self.city, words) if words else ""
        if agency and (led(case) or (case.emergency and not self._serves(agency))):
            request.support.append(agency)
        else:
            request.agency = agency
        return await self.acting.do(self.acting.mesh.transfer.TransferCase, request)

    def _serves(self, agency: str) -> bool:
        """Whether it is an emergency service: nobody else leads an emergency."""
        return self.city.agency[agency].kind in self.city.policy.emergency_kinds

    async def _recall(self, case: case_pb2.Case, words: str) -> object:
        held = last(case, _OURS)
        request = transfer_service_pb2.RecallReferralRequest(
            request_id=self.request_id, name=held.name, reason=needed(words)
        )
        return await self.acting.do(self.acting.mesh.transfer.RecallReferral, request)

    async def _answer(self, case: case_pb2.Case, words: str) -> object:
        request = intake_service_pb2.AnswerCaseRequest(
            request_id=self.request_id, name=case.name, result=needed(words), public_reply=words
        )
        return await self.acting.do(self.acting.mesh.intake.AnswerCase, request)

    async def _amend(self, case: case_pb2.Case, words: str) -> object:
        request = intake_service_pb2.AmendCaseRequest(request_id=self.request_id, name=case.name, text=needed(words))
        return await self.acting.do(self.acting.mesh.intake.AmendCase, request)

    async def _cancel(self, case: case_pb2.Case, words: str) -> object:
        request = intake_service_pb2.CancelCaseRequest(request_id=self.request_id, name=case.name, reason=needed(words))
        return await self.acting.do(self.acting.mesh.intake.CancelCase, request)

    async def _reject(self, case: case_pb2.Case, words: str) -> object:
        said, _, reason = needed(words).partition(" ")
        request = intake_service_pb2.RejectCaseRequest(
            request_id=self.request_id, name=case.name, ground=ground_meant(self.city, said), reason=reason
        )
        return await self.acting.do(self.acting.mesh.intake.RejectCase, request)

    async def _merge(self, case: case_pb2.Case, words: str) -> object:
        number, _, reason = needed(words).partition(" ")
        parent = await self.case(number)
        request = intake_service_pb2.MergeCaseRequest(
            request_id=self.request_id, name=case.name, parent=parent.name, reason=reason
        )
        return await self.acting.do(self.acting.mesh.intake.MergeCase, request)

    async def _follow_up(self, case: case_pb2.Case, words: str) -> object:
        """A mark from 1 to 5 and a note; solved from 3 on, unless the note says unsolved."""
        mark, _, note = words.partition(" ")
        satisfied = int(mark) if mark in "12345" and mark else 0
        solved = satisfied >= 3 and not note.lower().startswith(_UNSOLVED)
        told = case_pb2.FollowUp(contacted=True, solved=solved, satisfied=satisfied, note=note)
        return await self._asked(case, True, told)

    async def _not_reached(self, case: case_pb2.Case, words: str) -> object:
        return await self._asked(case, False, case_pb2.FollowUp(note=words))

    async def _asked(self, case: case_pb2.Case, reached: bool, told: case_pb2.FollowUp) -> object:
        told.reached, told.method = reached, case_pb2.FollowUp.PHONE
        request = supervision_service_pb2.RecordFollowUpRequest(
            request_id=self.request_id, name=case.name, follow_up=told
        )
        return await self.acting.do(self.acting.mesh.supervision.RecordFollowUp, request)

    async def _reopen(self, case: case_pb2.Case, words: str) -> object:
        request = supervision_service_pb2.ReopenCaseRequest(
            request_id=self.request_id, name=case.name, reason=needed(words)
        )
        return await self.acting.do(self.acting.mesh.supervision.ReopenCase, request)

    async def _close(self, case: case_pb2.Case, words: str) -> object:
        request = supervision_service_pb2.CloseCaseRequest(request_id=self.request_id, name=case.name, waiver=words)
        return await self.acting.do(self.acting.mesh.supervision.CloseCase, request)

    async def _conference(self, case: case_pb2.Case, words: str) -> object:
        """With the agency that is named, else with who leads."""
        agency = agency_meant(self.city, words) if words else ""
        return await Calls(self.acting, self.request_id).conference(case.name, agency)

    async def _leave_call(self, case: case_pb2.Case, words: str) -> object:
        return await Calls(self.acting, self.request_id).leave(case.name)

    async def _hang_up(self, case: case_pb2.Case, words: str) -> object:
        return await Calls(self.acting, self.request_id).hang_up(case.name)

    async def _called_back(self, case: case_pb2.Case, words: str) -> object:
        return await Calls(self.acting, self.request_id).called_back(case.name)

    async def _see(self, case: case_pb2.Case, words: str) -> object:
        return case

    def _ours(self, case: case_pb2.Case) -> referral_pb2.Referral:
        return last(case, _OURS, self.acting.account.agency)


def offered(case: case_pb2.Case, agency: str) -> list[str]:
    """Verbs that the case's state allows, for that agency; the mesh decides about the person."""
    ours = {one.state for one in case.referrals if one.agency == agency}
    others = {one.state for one in case.referrals if one.agency != agency}
    waits = case.state in WAITING
    goes_on, follows = waits or case.state in (_C.REFERRED, _C.DISPUTED), case.state == _C.FOLLOW_UP
    fits = {
        "accept": _R.OFFERED in ours,
        "return": bool(ours & {_R.OFFERED, *WORKING}),
        "resolve": bool(ours & WORKING),
        "remind": bool(others & set(_OURS)),
        "grant": _R.RETURN_REQUESTED in others,
        "deny": _R.RETURN_REQUESTED in others,
        "offer": goes_on,
        "answer": waits and not case.emergency,
        "recall": bool(others & set(_OURS)),
        "follow_up": follows,
        "not_reached": follows,
        "close": follows,
        "reopen": follows or case.state == _C.CLOSED,
        "amend": case.state not in ENDED,
        "merge": goes_on and case.state != _C.DISPUTED,
        "reject": waits and not case.emergency,
        "cancel": case.state not in ENDED,
    }
    return [verb for verb, fit in fits.items() if fit]


def led(case: case_pb2.Case) -> bool:
    """Whether an agency leads it in this round."""
    return any(one.role == _R.LEAD and one.round == case.round and one.state in OPEN for one in case.referrals)


def last(case: case_pb2.Case, states: tuple["_R.State.ValueType", ...], agency: str = "") -> referral_pb2.Referral:
    """The newest referral in one of these states, of that agency if one is given, the lead's first."""
    fitting = [one for one in case.referrals if one.state in states and agency in ("", one.agency)]
    leading = [one for one in fitting if one.role == _R.LEAD]
    if not fitting:
        raise NotUnderstood("Nothing of that case waits for this.")
    return (leading or fitting)[-1]


def needed(words: str) -> str:
    """Words that may not be missing."""
    if not words:
        raise NotUnderstood("Words are missing: say why, or with what result.")
    return words
