"""`/desk`: a call from the ring to the right agency without a mouse.

The form lives in the browser (static/desk.js, suggest.js, draft.js); what stands beside it - returns, offers, open
cases, the tasking - are parts that the server renders and the push keeps fresh.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import grpc
import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from callmesh.api.v1 import (
    case_pb2,
    classification_service_pb2,
    common_pb2,
    intake_service_pb2,
    referral_pb2,
    tracking_service_pb2,
    transfer_service_pb2,
)
from callmesh.console import terms
from callmesh.console.acts import Acts
from callmesh.console.commands import Command, NotUnderstood, agency_meant, parse
from callmesh.console.listing import every, page_of
from callmesh.console.pages import calls
from callmesh.console.rows import OPEN_STATES, Row, rows
from callmesh.console.sending import Draft, Sending
from callmesh.console.telling import Telling
from callmesh.console.web import View, acting, city_of, is_away, page, sentence
from callmesh.domain.directory import City
from callmesh.domain.names import short

_R, _F = referral_pb2.Referral, tracking_service_pb2.CaseFilter
_OFFERED_IN = (case_pb2.Case.REFERRED, case_pb2.Case.DISPUTED)
USUAL_KEYS = "F1=12345,F2=119,F3=120,F4=122,F6=gas,F7=water,F8=power,F9=grid"
NO_RECALL = frozenset({"119", "120", "999"})
"""An engine that has left is not called back by a key: it is told."""
_LISTED = 60


@dataclass(frozen=True, slots=True)
class Side:
    """What stands beside the form. `count` is how many cases are open: `60+` when not all are listed."""

    returns: list[tuple[Row, referral_pb2.Referral]]
    offers: list[tuple[Row, referral_pb2.Referral]]
    open: list[Row]
    count: str


async def show(request: Request) -> Response:
    """The page."""
    city = city_of(request)
    beside, calling = await side_of(request), await calls.shown(request)
    shown = {"keys": keys(request, city), "plans": city.plans, "languages": terms.LANGUAGE, "history": None, **calling}
    return page(request, "desk.html", side=beside, **shown)


async def side(request: Request) -> Response:
    """The part beside the form."""
    return page(request, "desk_side.html", side=await side_of(request))


async def side_of(request: Request) -> Side:
    """What waits for the agency, all of it, and the newest open cases that it has a part in; due first."""
    me, agency = acting(request), acting(request).account.agency
    wanted = _F(states=OPEN_STATES, owner=agency if me.account.role == "commander" else "")
    asked, offered, page = await asyncio.gather(
        every(me, _F(attention=[_F.PENDING])),
        every(me, _F(agency=agency, states=_OFFERED_IN)),
        page_of(me, wanted, _LISTED),
    )
    returns = [(row, one) for row in rows(asked) for one in row.case.referrals if is_return(one, agency)]
    offers = [(row, one) for row in rows(offered) for one in row.case.referrals if is_offer(one, agency)]
    return Side(returns, offers, rows(page.cases), page.counted(len(page.cases)))


def is_return(one: referral_pb2.Referral, agency: str) -> bool:
    """It came back and waits for the agency that had sent it."""
    return one.state == _R.RETURN_REQUESTED and one.sender == agency


def is_offer(one: referral_pb2.Referral, agency: str) -> bool:
    """It waits for somebody of the agency to take it."""
    return one.state == _R.OFFERED and one.agency == agency


def keys(request: Request, city: City) -> list[tuple[str, str]]:
    """Transfer keys and their agencies; the key of one's own agency leads to the emergency desk."""
    own = acting(request).account.agency
    chosen = request.app.state.own.keys or USUAL_KEYS
    pairs = [tuple(one.strip().split("=", 1)) for one in chosen.split(",") if "=" in one]
    swap = city.policy.emergency_desk if own != city.policy.emergency_desk else ""
    told = [(key, swap if agency == own else agency) for key, agency in pairs]
    return [(key, agency) for key, agency in told if agency in city.agency]


async def suggest(request: Request) -> Response:
    """What the words so far say. The words come in the body and are kept nowhere."""
    me, view = acting(request), View(request)
    given = await request.json()
    asked = classification_service_pb2.SuggestClassificationRequest(
        text=str(given.get("text", ""))[:20_000], channel="phone", emergency=bool(given.get("emergency"))
    )
    found = await me.do(me.mesh.classification.SuggestClassification, asked, seconds=2)
    return JSONResponse(suggestion(view, found))


def suggestion(view: View, found: classification_service_pb2.SuggestClassificationResponse) -> dict[str, Any]:
    """For the script: at most five targets, evidence by code points, the guide."""
    judged, words, telling = found.classification, view.words, Telling(view.words)
    targets = [
        {
            "category": one.category,
            "name": words.category(one.category),
            "agency": one.agency,
            "to": words.agency(one.agency),
            "support": [words.agency(each) for each in one.support],
            "basis": one.basis if view.language == "zh" else "",
            "score": round(one.score, 2),
        }
        for one in found.targets[:5]
    ]
    return {
        "verdict": common_pb2.Verdict.Name(judged.verdict).removeprefix("VERDICT_").lower(),
        "level": words.level(judged.level),
        "tone": words.tone(judged.level),
        "category": words.category(judged.category) if judged.category else "",
        "reason": telling.why(judged),
        "version": judged.version,
        "emergency": found.emergency,
        "targets": targets,
        "evidence": [[one.start, one.end, one.kind] for one in judged.evidence if one.kind != "mask"],
        "guide": telling.guide(judged.category, judged.level, found.guide),
        "incidents": [words.category(one) for one in found.incidents],
    }


async def send(request: Request) -> Response:
    """One key."""
    draft = msgspec.json.decode(await request.body(), type=Draft)
    sending = Sending(acting(request), draft)
    return await _answered(request, sending, sending.run)


async def keep(request: Request) -> Response:
    """Opens the case and keeps it here: no transfer."""
    draft = msgspec.json.decode(await request.body(), type=Draft)
    sending = Sending(acting(request), draft)
    return await _answered(request, sending, sending.open)


async def _answered(request: Request, sending: Sending, step: Any) -> Response:
    view = View(request)
    try:
        case = await step()
    except grpc.aio.AioRpcError as wrong:
        said = {"error": sentence(view, wrong), "away": is_away(wrong), "told": ""}
        if sending.case is not None:
            said["told"] = sending.draft.narrative
        return JSONResponse(said, 409)
    return JSONResponse(sent(view, case, sending.draft.agency))


def sent(view: View, case: case_pb2.Case, chosen: str) -> dict[str, Any]:
    """What became of the key: where it went, who leads it instead of who was chosen, whether Esc takes it back."""
    leads = [one for one in case.referrals if one.role == _R.LEAD and one.round == case.round]
    agencies = [one.agency for one in case.referrals if one.round == case.round]
    lead = leads[-1] if leads else None
    return {
        "case": case.name,
        "short": short(case.name),
        "referral": lead.name if lead else "",
        "to": view.words.agency(lead.agency) if lead else "",
        "instead": case.emergency and lead is not None and chosen not in ("", lead.agency),
        "others": [view.words.agency(one) for one in agencies if lead and one != lead.agency],
        "recallable": bool(lead) and not NO_RECALL & set(agencies),
        "plan": case.plan,
    }


async def recall(request: Request) -> Response:
    """Esc within five seconds: takes the referral back, or tells those who have set out already."""
    me, given = acting(request), await request.json()
    name, press = str(given["referral"]), str(given["id"])
    if given.get("recallable"):
        back = transfer_service_pb2.RecallReferralRequest(request_id=f"{press}-r", name=name, reason="接警员五秒内撤回")
        await me.do(me.mesh.transfer.RecallReferral, back)
    else:
        case = name.partition("/referrals/")[0]
        told = intake_service_pb2.AmendCaseRequest(
            request_id=f"{press}-r", name=case, text="【撤回提示】接警员误转, 请暂缓并与接警员核实"
        )
        await me.do(me.mesh.intake.AmendCase, told)
    return JSONResponse({"done": True})


async def command(request: Request) -> Response:
    """A line of the command line; a transfer of the draft is given back to the page, which has the draft."""
    view, given = View(request), await request.json()
    try:
        read = parse(str(given.get("line", "")))
        if read.verb == "transfer":
            agency = agency_meant(city_of(request), read.case)
            return JSONResponse({"transfer": agency, "to": view.words.agency(agency)})
        return await _done(request, read, str(given.get("id", "")))
    except NotUnderstood as wrong:
        return JSONResponse({"error": view.say(str(wrong))}, 422)


async def _done(request: Request, read: Command, request_id: str) -> Response:
    case = await Acts(acting(request), city_of(request), request_id).do(read)
    if read.verb == "see":
        return JSONResponse({"open": f"/{case.name}"})
    return JSONResponse({"done": True, "short": short(case.name)})


async def history(request: Request) -> Response:
    """Earlier cases of the caller's number, which travels in the body and never in an address."""
    me, given = acting(request), await request.json()
    number = str(given.get("number", "")).strip()
    if len(number) < 3:
        return page(request, "desk_history.html", history=None)
    wanted = tracking_service_pb2.CaseFilter(number=number)
    asked = tracking_service_pb2.ListCasesRequest(filter=wanted, page_size=20)
    found = await me.do(me.mesh.tracking.ListCases, asked)
    return page(request, "desk_history.html", history=rows(list(found.cases)))


async def tasking(request: Request) -> Response:
    """Who was tasked with a case, and who has it: one line an agency."""
    me, name = acting(request), request.query_params.get("case", "")
    asked = tracking_service_pb2.GetCaseRequest(name=name)
    return page(request, "desk_tasking.html", case=await me.do(me.mesh.tracking.GetCase, asked))


ROUTES = [
    Route("/desk", show),
    Route("/desk/side", side),
    Route("/desk/tasking", tasking),
    Route("/desk/history", history, methods=["POST"]),
    Route("/desk/suggest", suggest, methods=["POST"]),
    Route("/desk/send", send, methods=["POST"]),
    Route("/desk/keep", keep, methods=["POST"]),
    Route("/desk/recall", recall, methods=["POST"]),
    Route("/desk/command", command, methods=["POST"]),
]
