"""One key at the desk: open the case, classify it, offer it. Three RPCs, each safe to repeat.

A draft travels: the browser minted its id when it opened; the three requests' ids are made of it, so a held key, a
second press, a browser that came back or a console that died in between lead to one case and one referral. When a
step is refused, the next press opens the same case again (the draft remembers what it was `first` sent with) and goes
on from there. Words typed since are added to the case, not lost.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Annotated

import grpc
import msgspec

from callmesh.api.v1 import (
    case_pb2,
    classification_service_pb2,
    common_pb2,
    intake_service_pb2,
    report_pb2,
    transfer_service_pb2,
)
from callmesh.console.clients import Acting
from callmesh.kernel.rpc import client

OPERATOR_CHOSE = "接警员选定"
OPERATOR_KEY = "接警员按键转接"
Count = Annotated[int, msgspec.Meta(ge=0, le=9_999)]
_LED_BY_OTHERS = ("WRONG_STATE", "EMERGENCY_NOT_DIVERTIBLE")


class Form(msgspec.Struct, kw_only=True):
    """The fields of the form."""

    number: str = ""
    name: str = ""
    place: str = ""
    narrative: str = ""
    consent: bool = True
    silent: bool = False
    confidential: bool = False
    language: str = ""
    emergency: bool = False
    trapped: Count = 0
    injured: Count = 0
    dead: Count = 0

    @property
    def situation(self) -> report_pb2.Situation:
        """People who came to harm, as counted so far."""
        return report_pb2.Situation(trapped=self.trapped, injured=self.injured, dead=self.dead)


class Draft(Form, kw_only=True):
    """The form as it stands, and how it was first sent; `told` are the words that the case has, `press` counts keys."""

    id: str
    first: Form | None = None
    lowered: str = ""
    category: str = ""
    agency: str = ""
    plan: str = ""
    conference: bool = False
    press: int = 0
    told: str = ""


@dataclass
class Sending:
    """A draft on its way. `case` is what the mesh said last, None before it was opened."""

    acting: Acting
    draft: Draft
    case: case_pb2.Case | None = None

    async def run(self) -> case_pb2.Case:
        """The case after it; raises AioRpcError of the step that was refused."""
        await self.open()
        await self._classify()
        return await self._transfer()

    async def open(self) -> case_pb2.Case:
        """Opens the case, or finds it again, and adds what was typed since."""
        mesh, draft = self.acting.mesh, self.draft
        first = draft.first or draft
        self.case = await self.acting.do(mesh.intake.OpenCase, opening(draft.id, first, bool(draft.lowered)))
        request = intake_service_pb2.AmendCaseRequest(text=since(first, draft))
        if first.situation != draft.situation:
            request.situation.CopyFrom(draft.situation)
        if request.ByteSize():
            request.request_id = f"{draft.id}-a{hashlib.sha256(request.SerializeToString()).hexdigest()[:8]}"
            request.name = self.case.name
            self.case = await self.acting.do(mesh.intake.AmendCase, request)
        return self.case

    async def _classify(self) -> None:
        """The machine's word, or the person's where another category was picked or the flag is lowered."""
        assert self.case is not None
        draft, request = self.draft, classification_service_pb2.ClassifyCaseRequest(name=self.case.name)
        request.request_id = self._id("c")
        if draft.category:
            request.category, request.reason = draft.category, OPERATOR_CHOSE
        if draft.lowered:
            request.lower_emergency, request.reason = True, draft.lowered
        self.case = await self.acting.do(self.acting.mesh.classification.ClassifyCase, request)

    async def _transfer(self) -> case_pb2.Case:
        """Offers it. In an emergency the chosen agency comes beside who leads it: where the mesh has sent it off by
        itself, and where the one chosen is no emergency service and may not lead it. Nobody waits for a second key."""
        draft, request = self.draft, self._offer("t")
        request.agency, request.plan = draft.agency, draft.plan
        try:
            self.case = await self.acting.do(self.acting.mesh.transfer.TransferCase, request)
        except grpc.aio.AioRpcError as wrong:
            led = client.reason_of(wrong) in _LED_BY_OTHERS
            if not (led and draft.agency and self.case and self.case.emergency):
                raise
            beside = self._offer("s")
            beside.support.append(draft.agency)
            self.case = await self.acting.do(self.acting.mesh.transfer.TransferCase, beside)
        return self.case

    def _offer(self, step: str) -> transfer_service_pb2.TransferCaseRequest:
        assert self.case is not None
        return transfer_service_pb2.TransferCaseRequest(
            request_id=self._id(step),
            name=self.case.name,
            mode=common_pb2.MODE_CALL if self.draft.conference else common_pb2.MODE_UNSPECIFIED,
            conference=self.draft.conference,
            reason=OPERATOR_KEY if self.draft.agency else "",
        )

    def _id(self, step: str) -> str:
        """Of one step of one press: another press with another target is another command."""
        return f"{self.draft.id}-{self.draft.press}{step}"


def since(first: Form, now: Draft) -> str:
    """What was typed after the first press, as words to add."""
    told = now.told or first.narrative
    words = [now.narrative.removeprefix(told).strip()] if now.narrative != told else []
    for name, label in (("place", "地点"), ("number", "号码"), ("name", "姓名")):
        if getattr(now, name) != getattr(first, name) and getattr(now, name) not in told:
            words.append(f"{label}: {getattr(now, name)}")
    return "; ".join(filter(None, words))


def opening(id: str, form: Form, lowered: bool) -> intake_service_pb2.OpenCaseRequest:
    """The request that writes the form down."""
    caller = report_pb2.Caller(
        number=form.number,
        name=form.name,
        language=form.language,
        silent=form.silent,
        confidential=form.confidential,
        consent=common_pb2.CONSENT_GIVEN if form.consent else common_pb2.CONSENT_REFUSED,
    )
    report = report_pb2.Report(caller=caller, narrative=form.narrative, place=report_pb2.Place(text=form.place))
    return intake_service_pb2.OpenCaseRequest(
        request_id=id,
        report=report,
        channel="phone",
        situation=form.situation,
        emergency=form.emergency and not lowered,
    )
