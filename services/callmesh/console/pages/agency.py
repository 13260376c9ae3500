"""`/agency` (协办台): what an agency has to do, on a phone, with plain forms that need no script.

A form travels: its pictures are kept first, then one RPC as the signed-in person; done leads back to the referral with
a word of what happened. What the mesh refuses comes back in the same form with everything that was typed and the
sentence that says what to do; the request keeps its id while nobody knows whether it arrived, so sending it again
writes nothing twice. Opening a referral is its receipt: the page is the machine of who has no other.

`/r/TOKEN` is the same page for one referral, for who has a link and its code (links.py).
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from callmesh.api.v1 import case_pb2, gateway_service_pb2, referral_pb2, tracking_service_pb2
from callmesh.console import links, pictures
from callmesh.console.clients import Acting
from callmesh.console.handling import Typed, carry_out, offered_acts, zone_of
from callmesh.console.rows import Due, referral_dues
from callmesh.console.web import View, acting, city_of, is_away, page, sentence

_R, _C = referral_pb2.Referral, case_pb2.Case
_OPEN = (_R.OFFERED, _R.ACCEPTED, _R.IN_PROGRESS, _R.SUSPENDED, _R.RETURN_REQUESTED)
_STATES = (_C.REFERRED, _C.DISPUTED)
PAGE_SIZE = 200
SEEN_SECONDS, _LOOK_SECONDS = 2.0, 0.05
DONE = {
    "accept": "Accepted. Go ahead.",
    "arrived": "Arrival recorded.",
    "progress": "Progress recorded.",
    "resolve": "Resolved. Thank you.",
    "return": "Return asked for; it stays yours until it is granted.",
    "contest": "Contested; a commander decides.",
    "extension": "More time asked for; the limits run on until it is granted.",
    "suspension": "Pause asked for; the limits run on until it is granted.",
}


@dataclass(frozen=True, slots=True)
class Item:
    """A referral of this agency with its case."""

    case: case_pb2.Case
    referral: referral_pb2.Referral
    due: Due | None

    @property
    def path(self) -> str:
        """Address of its page."""
        return f"/agency/{self.case.name.removeprefix('cases/')}/{self.referral.name.rpartition('/')[2]}"


@dataclass(frozen=True, slots=True)
class Door:
    """How somebody came to a referral: by an account, or by a link with its code."""

    by: Acting
    base: str
    linked: bool = False


def next_of(one: referral_pb2.Referral) -> Due | None:
    """The referral's next limit."""
    return min(referral_dues(one), key=lambda due: due.at, default=None)


def items(cases: list[case_pb2.Case], agency: str) -> list[Item]:
    """Open referrals of the agency, those due first at the top."""
    found = [
        Item(case, one, next_of(one))
        for case in cases
        for one in case.referrals
        if one.agency == agency and one.state in _OPEN
    ]
    return sorted(found, key=lambda item: item.due.at if item.due else float("inf"))


async def show(request: Request) -> Response:
    """The list: to accept, then at work."""
    by = acting(request)
    wanted = tracking_service_pb2.CaseFilter(agency=by.account.agency, states=_STATES)
    asked = tracking_service_pb2.ListCasesRequest(filter=wanted, page_size=PAGE_SIZE)
    found = items(list((await by.do(by.mesh.tracking.ListCases, asked)).cases), by.account.agency)
    await asyncio.gather(*(_receipt(by, one.referral) for one in found))
    waiting = [one for one in found if one.referral.state == _R.OFFERED]
    working = [one for one in found if one.referral.state != _R.OFFERED]
    return page(request, "agency.html", waiting=waiting, working=working)


async def show_one(request: Request) -> Response:
    """One referral with the forms of its state."""
    return await _referral(request, Door(acting(request), _base(request)))


async def act(request: Request) -> Response:
    """One act of a form."""
    return await _act(request, Door(acting(request), _base(request)))


async def make_link(request: Request) -> Response:
    """A link to this referral for somebody without an account; shown once."""
    door, given = Door(acting(request), _base(request)), await request.form()
    await _own(door, _name(request))  # only of one's own referral
    hours = int(str(given.get("hours", ""))) if str(given.get("hours", "")).isdigit() else 0
    hours = hours if hours in links.HOURS else links.HOURS[1]
    token, code = _links(request).make(_name(request), door.by.account.agency, hours)
    made = {"url": f"{request.url.scheme}://{request.url.netloc}/r/{token}", "code": code, "hours": hours}
    return await _referral(request, door, made=made)


async def picture(request: Request) -> Response:
    """A picture of a case that the person may see."""
    return await _picture(request, Door(acting(request), _base(request)))


# --- by link --------------------------------------------------------------------------------------


async def linked(request: Request) -> Response:
    """The referral if the code was entered, else the question for it."""
    door = _door(request)
    if door is None:
        return _code_form(request, known=_links(request).find(request.path_params["token"]) is not None)
    return await _referral(request, door)


async def enter_code(request: Request) -> Response:
    """Checks the code."""
    token, given = request.path_params["token"], await request.form()
    key = _links(request).enter(token, str(given.get("code", "")))
    if not key:
        return _code_form(request, _links(request).find(token) is not None, wrong=True)
    response = RedirectResponse(f"/r/{token}", 303)
    response.set_cookie(links.COOKIE, key, path="/", secure=True, httponly=True, samesite="lax")
    return response


async def linked_act(request: Request) -> Response:
    """One act of who came by link."""
    door = _door(request)
    if door is None:
        return RedirectResponse(f"/r/{request.path_params['token']}", 303)
    return await _act(request, door)


async def linked_picture(request: Request) -> Response:
    """A picture for who came by link."""
    door = _door(request)
    return Response(status_code=404) if door is None else await _picture(request, door)


def _door(request: Request) -> Door | None:
    token = request.path_params["token"]
    link = _links(request).opened(token, request.cookies.get(links.COOKIE, ""))
    if link is None:
        return None
    request.state.referral = link.referral
    return Door(Acting(request.app.state.mesh, link.account), f"/r/{token}", linked=True)


def _code_form(request: Request, known: bool, wrong: bool = False) -> Response:
    status = 403 if wrong else 200 if known else 404
    return page(request, "link_code.html", status, known=known, wrong=wrong)


# --- both -----------------------------------------------------------------------------------------


async def _act(request: Request, door: Door) -> Response:
    name, act_name = _name(request), request.path_params["act"]
    form = await request.form(max_part_size=pictures.MOST)
    if act_name not in DONE:
        return Response(status_code=404)
    typed, bad = await _typed(request, form)
    if bad:
        return await _referral(request, door, 422, act=act_name, typed=typed, error=bad)
    zone = zone_of(city_of(request).calendar.utc_offset_minutes)
    try:
        await _until_seen(door, await carry_out(door.by, act_name, name, typed, zone))
    except grpc.aio.AioRpcError as wrong:
        keep = is_away(wrong)
        said = sentence(View(request), wrong)
        return await _referral(request, door, 409, act=act_name, typed=typed, error=said, keep_id=keep)
    return RedirectResponse(f"{door.base}?done={act_name}", 303)


async def _typed(request: Request, form: FormData) -> tuple[Typed, str]:
    """What was sent, and a sentence when one of the files is no picture."""
    case = _case(request)
    kept, bad = [str(one) for one in form.getlist("picture") if isinstance(one, str)], ""
    for one in form.getlist("photo"):
        if isinstance(one, UploadFile) and one.size:
            try:
                kept.append(await asyncio.to_thread(_pictures(request).keep, case, await one.read()))
            except pictures.NoPicture:
                bad = View(request).say("That file is no picture, or larger than 8 MB. Choose another one.")
    texts = {name: value for name, value in form.items() if isinstance(value, str)}
    found = [made for one in kept if (made := _pictures(request).attachment(case, one))]
    return Typed(texts, found), bad


async def _referral(
    request: Request,
    door: Door,
    status: int = 200,
    act: str = "",
    typed: Typed | None = None,
    error: str = "",
    keep_id: bool = False,
    made: Mapping[str, Any] | None = None,
) -> HTMLResponse:
    """The page of one referral; `act` and `typed` give a refused form back as it was sent."""
    case, referral = await _own(door, _name(request))
    if await _receipt(door.by, referral):
        case, referral = await _own(door, referral.name)
    typed = typed or Typed()
    done = DONE.get(request.query_params.get("done", ""), "")
    return page(
        request,
        "referral.html",
        status,
        case=case,
        referral=referral,
        due=next_of(referral),
        acts=offered_acts(referral),
        act=act,
        typed=typed,
        error=error,
        done=done,
        made=made,
        base=door.base,
        linked=door.linked,
        reasons=city_of(request).return_reasons,
        hours=links.HOURS,
        request_id=typed["request_id"] if keep_id else uuid.uuid4().hex,
    )


async def _until_seen(door: Door, after: referral_pb2.Referral) -> None:
    """Returns when tracking has what was just done, or after a moment: the next page then shows it."""
    end = time.monotonic() + SEEN_SECONDS
    while time.monotonic() < end:
        _, referral = await _own(door, after.name)
        if _standing(referral) == _standing(after):
            return
        await asyncio.sleep(_LOOK_SECONDS)


def _standing(one: referral_pb2.Referral) -> tuple[int, ...]:
    """What an act of the agency changes."""
    return one.state, len(one.feedback), len(one.pending), one.return_count


async def _own(door: Door, name: str) -> tuple[case_pb2.Case, referral_pb2.Referral]:
    """The case as this agency sees it, with its referral; raises AioRpcError."""
    asked = tracking_service_pb2.GetCaseRequest(name=name.partition("/referrals/")[0])
    case = await door.by.do(door.by.mesh.tracking.GetCase, asked)
    own = [one for one in case.referrals if one.name == name and one.agency == door.by.account.agency]
    if not own:
        raise NoReferral
    return case, own[0]


class NoReferral(Exception):
    """No such referral of this agency; the app answers 404."""


async def no_referral(request: Request, error: Exception) -> Response:
    """Not there, or another agency's."""
    said = View(request).say("There is no such referral of yours. It may have been taken back or handed on.")
    return page(request, "error.html", 404, error=said, reason="NOT_FOUND")


async def _receipt(by: Acting, one: referral_pb2.Referral) -> bool:
    """The agency's machine has it: whether that is news. A refusal is none: somebody took it back meanwhile."""
    if one.state != _R.OFFERED or one.HasField("received_at"):
        return False
    try:
        await by.do(by.mesh.gateway.AcknowledgeReferral, gateway_service_pb2.AcknowledgeReferralRequest(name=one.name))
    except grpc.aio.AioRpcError:
        return False
    return True


async def _picture(request: Request, door: Door) -> Response:
    case, _ = await _own(door, _name(request))
    reference = f"console:{request.path_params['picture']}"
    named = {file.reference for one in case.referrals for note in one.feedback for file in note.attachments}
    path = _pictures(request).find(case.name, reference) if reference in named else None
    if path is None:
        return Response(status_code=404)
    return FileResponse(
        path, media_type=pictures.media_type(path.name), headers={"cache-control": "private, max-age=3600"}
    )


def _base(request: Request) -> str:
    return f"/agency/{request.path_params['case']}/{request.path_params['number']}"


def _name(request: Request) -> str:
    """The referral's name: of the address, or of the link."""
    if "token" in request.path_params:
        return str(request.state.referral)
    return f"cases/{request.path_params['case']}/referrals/{request.path_params['number']}"


def _case(request: Request) -> str:
    """The name of its case."""
    return _name(request).partition("/referrals/")[0]


def _links(request: Request) -> links.Links:
    found: links.Links = request.app.state.links
    return found


def _pictures(request: Request) -> pictures.Pictures:
    found: pictures.Pictures = request.app.state.pictures
    return found


ROUTES = [
    Route("/agency", show),
    Route("/agency/{case}/{number:int}", show_one),
    Route("/agency/{case}/{number:int}/link", make_link, methods=["POST"]),
    Route("/agency/{case}/{number:int}/pictures/{picture}", picture),
    Route("/agency/{case}/{number:int}/{act}", act, methods=["POST"]),
    Route("/r/{token}", linked),
    Route("/r/{token}", enter_code, methods=["POST"]),
    Route("/r/{token}/pictures/{picture}", linked_picture),
    Route("/r/{token}/{act}", linked_act, methods=["POST"]),
]
