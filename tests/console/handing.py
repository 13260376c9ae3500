"""Cases handed over, for pages to show: a report, its category, and the agency that gets it."""

from __future__ import annotations

import itertools
import uuid
from typing import Any

from callmesh.api.v1 import case_pb2, common_pb2, referral_pb2, report_pb2, tracking_service_pb2
from callmesh.api.v1 import classification_service_pb2 as cls
from callmesh.api.v1 import gateway_service_pb2 as gw
from callmesh.api.v1 import intake_service_pb2 as intake
from callmesh.api.v1 import supervision_service_pb2 as sup
from callmesh.api.v1 import transfer_service_pb2 as tra
from callmesh.cli.clients import me
from callmesh.kernel.rpc.client import identity
from callmesh.kernel.rpc.clients import Clients
from support.waiting import until

R = referral_pb2.Referral
SECONDS = 60.0
_houses = itertools.count(1_000)
"""Each case has its own: two at one address could be taken for one matter."""


def request_id() -> str:
    return uuid.uuid4().hex


async def opened(clients: Clients, words: str, category: str, origin: str = "110", **more: Any) -> case_pb2.Case:
    """A case of that category, in the first street of the demo city."""
    number = more.pop("caller", f"139{uuid.uuid4().int % 10**8:08}")
    caller = report_pb2.Caller(number=number, consent=common_pb2.CONSENT_GIVEN)
    place = report_pb2.Place(text=f"望江路{next(_houses)}号")
    report = report_pb2.Report(caller=caller, narrative=words, place=place)
    given = {"report": report, "division": "990101001"} | more
    case = await clients.intake.OpenCase(
        intake.OpenCaseRequest(request_id=request_id(), **given), metadata=me(origin), timeout=SECONDS
    )
    chosen = cls.ClassifyCaseRequest(
        request_id=request_id(), name=case.name, category=category, reason="核对", lower_emergency=True
    )
    return await clients.classification.ClassifyCase(chosen, metadata=me(origin), timeout=SECONDS)


async def handed(
    clients: Clients, words: str, category: str, to: str, origin: str = "110", **more: Any
) -> case_pb2.Case:
    """The same, handed to that agency."""
    case = await opened(clients, words, category, origin, **more)
    request = tra.TransferCaseRequest(request_id=request_id(), name=case.name, agency=to, reason="指定")
    return await clients.transfer.TransferCase(request, metadata=me(origin), timeout=SECONDS)


async def accepted(clients: Clients, case: case_pb2.Case) -> str:
    """The name of its first referral, which a person took."""
    one = case.referrals[0]
    request = gw.AcceptReferralRequest(request_id=request_id(), name=one.name, handler="w-1")
    await clients.gateway.AcceptReferral(request, metadata=me(one.agency), timeout=SECONDS)
    return one.name


async def erased(clients: Clients, case: case_pb2.Case) -> None:
    """It is closed with a waiver, and what was said about it is erased."""
    close = sup.CloseCaseRequest(request_id=request_id(), name=case.name, waiver="无法联系")
    await clients.supervision.CloseCase(close, metadata=me("110"), timeout=SECONDS)
    erase = sup.EraseCaseRequest(request_id=request_id(), name=case.name, reason="当事人申请")
    await clients.supervision.EraseCase(erase, metadata=identity("110", "1", "supervisor"), timeout=SECONDS)


async def resolved(clients: Clients, case: case_pb2.Case, reply: str = "您好, 已处理完毕") -> case_pb2.Case:
    """The same, its first referral done; a person takes it first if nobody had."""
    one = case.referrals[0]
    if one.state == R.OFFERED:
        await accepted(clients, case)
    request = gw.ResolveReferralRequest(request_id=request_id(), name=one.name, result="已处理", public_reply=reply)
    await clients.gateway.ResolveReferral(request, metadata=me(one.agency), timeout=SECONDS)

    async def shown() -> bool:
        return any(each.state == R.RESOLVED for each in (await now(clients, case)).referrals)

    await until(shown, "tracking has the result")
    return await now(clients, case)


async def now(clients: Clients, case: case_pb2.Case, agency: str = "110") -> case_pb2.Case:
    """The case as its origin sees it."""
    asked = tracking_service_pb2.GetCaseRequest(name=case.name)
    return await clients.tracking.GetCase(asked, metadata=me(agency), timeout=SECONDS)


def path(case: case_pb2.Case, number: int = 1) -> str:
    """Address of the referral's page on the agency desk."""
    return f"/agency/{case.name.removeprefix('cases/')}/{number}"
