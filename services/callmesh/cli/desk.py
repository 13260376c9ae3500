"""The simulated operator (接警员): from a call to the moment its destination is settled.

With somebody on the line: open, ask the machine while typing, take its word, press the one key. When the
machine is not sure and the call says what the person recognised, that is recorded as the person's word;
when it says nothing the case stays with its first receiver and is never diverted. A category that is
for no agency is answered on the spot with the guide's words. From other channels the mesh classifies and
routes by itself: the desk only opens the case, waits, and works the queue of what is left for people.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import grpc

from callmesh.api.v1 import case_pb2, classification_pb2, common_pb2, referral_pb2, report_pb2
from callmesh.api.v1 import classification_service_pb2 as cls
from callmesh.api.v1 import intake_service_pb2 as intake
from callmesh.api.v1 import tracking_service_pb2 as tracking
from callmesh.api.v1 import transfer_service_pb2 as transfer
from callmesh.cli import review
from callmesh.cli.calls import Call
from callmesh.cli.clients import SECONDS, allowed_instead, me
from callmesh.cli.scripts import Scripts
from callmesh.cli.watching import Watching
from callmesh.domain.directory import City
from callmesh.kernel.ids import new_id
from callmesh.kernel.rpc.clients import Clients

VERIFIED = "接警员核实"
_State = case_pb2.Case.State


@dataclass(frozen=True, slots=True)
class Settled:
    """A call whose destination is settled. `machine` is what the machine said before any person."""

    call: Call
    case: case_pb2.Case
    machine: classification_pb2.Classification

    @property
    def lead(self) -> str:
        """The lead's agency, or the owner of record while nobody leads."""
        found = leads(self.case)
        return found[-1].agency if found else self.case.owner

    @property
    def basis(self) -> str:
        """Why it is there, in zh-CN."""
        found = leads(self.case)
        if found:
            return found[-1].basis
        if self.case.state == _State.ANSWERED:
            return "该类别不转办, 已当场答复"
        return f"未转办, 由首接单位 {self.case.owner} 保留"


def leads(case: case_pb2.Case) -> list[referral_pb2.Referral]:
    """Lead referrals of this round, oldest first."""
    return [one for one in case.referrals if one.role == referral_pb2.Referral.LEAD and one.round == case.round]


class Desk:
    """All operators of a run. `run` makes request ids and external numbers of this run its own."""

    def __init__(
        self, clients: Clients, city: City, watching: Watching, scripts: Scripts, run: str, origin: str, seconds: float
    ) -> None:
        self._clients, self._city, self._watching, self._scripts = clients, city, watching, scripts
        self._run, self._origin, self._seconds = run, origin, seconds

    async def handle(self, call: Call, opened: Callable[[str], None]) -> Settled:
        """Plays one call, telling its case's name; AioRpcError when refused, TimeoutError when nothing comes."""
        case = await self._open(call)
        opened(case.name)
        return await (self._attend(call, case) if call.attended else self._await_policy(call, case))

    async def _open(self, call: Call) -> case_pb2.Case:
        with self._scripts.opening():
            request = opening(call, f"{self._run}-{call.line}", self._run)
            caller = me(call.origin or self._origin)
            case = await self._clients.intake.OpenCase(request, metadata=caller, timeout=SECONDS)
            self._scripts.put(case.name, call.script)
            return case

    async def _attend(self, call: Call, case: case_pb2.Case) -> Settled:
        draft = cls.SuggestClassificationRequest(text=call.text, channel=call.channel, division=case.division)
        await self._clients.classification.SuggestClassification(draft, metadata=me(case.origin), timeout=SECONDS)
        case = await self._classify(case)
        return await self._decide(call, case)

    async def _await_policy(self, call: Call, case: case_pb2.Case) -> Settled:
        """What the mesh does by itself, until only a person could do more."""
        case = await self._watching.until(case, lambda one: one.HasField("classification"), self._seconds)
        if not self._travels_alone(case):
            return await self._decide(call, await self._now(case))
        case = await self._watching.until(case, _moved, self._seconds)
        case = _worded(case, await self._now(case))
        return Settled(call, case, case.classification)

    def _travels_alone(self, case: case_pb2.Case) -> bool:
        if case.emergency:
            return True
        row = self._city.category.get(case.classification.category)
        for_nobody = row is not None and row.lead == "-"
        sure = case.classification.verdict == common_pb2.VERDICT_ROUTE
        return sure and not for_nobody and self._city.policy.auto_route

    async def _decide(self, call: Call, case: case_pb2.Case) -> Settled:
        """A person looks at a classified case."""
        machine = case.classification
        if machine.verdict == common_pb2.VERDICT_ASK and call.operator:
            case = await self._classify(case, call.operator, VERIFIED)
        if case.classification.verdict != common_pb2.VERDICT_ASK:
            case = await self._one_key(call, case)
        return Settled(call, case, machine)

    async def _classify(self, case: case_pb2.Case, category: str = "", reason: str = "") -> case_pb2.Case:
        request = cls.ClassifyCaseRequest(request_id=new_id(), name=case.name, category=category, reason=reason)
        return await self._clients.classification.ClassifyCase(request, metadata=me(case.origin), timeout=SECONDS)

    async def _one_key(self, call: Call, case: case_pb2.Case) -> case_pb2.Case:
        request = transfer.TransferCaseRequest(request_id=new_id(), name=case.name, plan=call.plan)
        try:
            return await self._clients.transfer.TransferCase(request, metadata=me(case.origin), timeout=SECONDS)
        except grpc.aio.AioRpcError as refused:
            instead = allowed_instead(refused)
            if "AnswerCase" not in instead and "RecordFollowUp" not in instead:
                raise
        if "RecordFollowUp" in instead:
            return await self._now(case)  # the mesh sent it at once, and it is resolved already
        return await self._answer(case)

    async def _now(self, case: case_pb2.Case) -> case_pb2.Case:
        request = tracking.GetCaseRequest(name=case.name, min_etag=case.etag)
        return await self._clients.tracking.GetCase(request, metadata=me(case.origin), timeout=SECONDS)

    async def _answer(self, case: case_pb2.Case) -> case_pb2.Case:
        guide = self._city.guide.get(case.classification.category)
        told = "".join(f"{one}。" for one in guide.tell) if guide else ""
        request = intake.AnswerCaseRequest(
            request_id=new_id(),
            name=case.name,
            result="按处置指引当场答复",
            public_reply=told or "已当场解答, 无需转办。",
        )

        async def answer() -> case_pb2.Case:
            return await self._clients.intake.AnswerCase(request, metadata=me(case.origin), timeout=SECONDS)

        return await review.ended(self._clients, answer, case)


def _moved(case: case_pb2.Case) -> bool:
    """The mesh sent it somewhere, or folded it into another case."""
    return bool(leads(case)) or case.state == case_pb2.Case.State.MERGED


def opening(call: Call, request_id: str, run: str) -> intake.OpenCaseRequest:
    """The request of a call. The mesh knows it by its external number and run, so a file plays again and again."""
    report = report_pb2.Report(
        narrative=call.text,
        caller=report_pb2.Caller(
            number=call.phone, language=call.language, silent=call.silent, confidential=call.confidential
        ),
        place=report_pb2.Place(text=call.place),
    )
    if call.longitude is not None and call.latitude is not None:
        point = common_pb2.Point(longitude=call.longitude, latitude=call.latitude, source="play")
        report.place.point.CopyFrom(point)
    request = intake.OpenCaseRequest(
        request_id=request_id, report=report, channel=call.channel, device=call.device, division=call.division
    )
    if call.external_id:
        request.external_ids.add(system="play", value=f"{call.external_id}@{run}")
        request.external_ids.add(system="external", value=call.external_id)
    if call.counts or call.hazards:
        request.situation.CopyFrom(report_pb2.Situation(**call.counts, hazards=call.hazards))
    return request


def _worded(case: case_pb2.Case, read: case_pb2.Case) -> case_pb2.Case:
    """The case as it was watched, with the words that are kept from who watches; it may have moved on since."""
    worded, basis = case_pb2.Case(), {one.name: one.basis for one in read.referrals}
    worded.CopyFrom(case)
    worded.classification.reason = read.classification.reason
    for one in worded.referrals:
        one.basis = basis.get(one.name, "")
    return worded
