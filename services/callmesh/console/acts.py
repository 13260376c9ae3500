"""What a person does to a case by its number: one command of the line becomes one RPC."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from callmesh.api.v1 import (
    case_pb2,
    gateway_service_pb2,
    referral_pb2,
    supervision_service_pb2,
    tracking_service_pb2,
    transfer_service_pb2,
)
from callmesh.console.calls import Calls
from callmesh.console.clients import Acting
from callmesh.console.commands import Command, NotUnderstood, agency_meant, case_meant
from callmesh.console.listing import every
from callmesh.console.rows import OPEN_STATES
from callmesh.domain.directory import City
from callmesh.states import ENDED, WORKING

_R = referral_pb2.Referral
_OURS = (_R.OFFERED, _R.ACCEPTED, _R.IN_PROGRESS, _R.SUSPENDED)
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
        """The open case of that number."""
        wanted = tracking_service_pb2.CaseFilter(states=OPEN_STATES)
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

    async def _follow_up(self, case: case_pb2.Case, words: str) -> object:
        mark, _, note = words.partition(" ")
        satisfied = int(mark) if mark in "12345" and mark else 0
        outcome = case_pb2.FollowUp(
            reached=True,
            contacted=True,
            solved=satisfied >= 3,
            satisfied=satisfied,
            method=case_pb2.FollowUp.PHONE,
            note=note,
        )
        request = supervision_service_pb2.RecordFollowUpRequest(
            request_id=self.request_id, name=case.name, follow_up=outcome
        )
        return await self.acting.do(self.acting.mesh.supervision.RecordFollowUp, request)

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
    follows = case.state == case_pb2.Case.FOLLOW_UP
    fits = {
        "accept": _R.OFFERED in ours,
        "return": bool(ours & {_R.OFFERED, *WORKING}),
        "resolve": bool(ours & WORKING),
        "remind": bool(others & set(_OURS)),
        "grant": _R.RETURN_REQUESTED in others,
        "deny": _R.RETURN_REQUESTED in others,
        "follow_up": follows,
        "close": follows,
    }
    return [verb for verb, fit in fits.items() if fit and case.state not in ENDED]


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
        raise NotUnderstood("Say why, after the number.")
    return words
