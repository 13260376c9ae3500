"""One referral of an agency, as a page with the forms of its state, and what becomes of a form.

A form travels: its pictures are kept first, then one RPC as the signed-in person; done leads back to the referral with
a word of what happened. What the mesh refuses comes back in the same form with everything that was typed and the
sentence that says what to do; the request keeps its id while nobody knows whether it arrived, so sending it again
writes nothing twice. Opening a referral is its receipt: the page is the machine of who has no other.

Both doors lead here: an account (agency.py), and a link with its code (linked.py).
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import grpc
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from callmesh.api.v1 import case_pb2, gateway_service_pb2, referral_pb2, tracking_service_pb2
from callmesh.console import links, pictures
from callmesh.console.clients import Acting
from callmesh.console.handling import Typed, carry_out, kept_back, offered_acts
from callmesh.console.rows import next_of
from callmesh.console.web import View, city_of, is_away, page, sentence

_R = referral_pb2.Referral
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
    "disclosure": "Asked for; it is shown here once it is granted.",
}


@dataclass(frozen=True, slots=True)
class Door:
    """How somebody came to a referral: by an account, or by a link with its code."""

    by: Acting
    base: str
    linked: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A form that was not carried out: it is given back as it was sent, with the reason beside it."""

    act: str = ""
    typed: Typed = field(default_factory=Typed)
    error: str = ""
    status: int = 200
    request_id: str = ""
    """Of one that may have been carried out: sent again it is the same request."""


async def act_on(request: Request, door: Door) -> Response:
    """One act of a form."""
    name, act_name = name_of(request), request.path_params["act"]
    form = await request.form(max_part_size=pictures.MOST)
    if act_name not in DONE:
        return Response(status_code=404)
    typed, bad = await _typed(request, form)
    if bad:
        return await shown(request, door, Refused(act_name, typed, bad, 422))
    zone = city_of(request).calendar.zone
    try:
        await _until_seen(door, await carry_out(door.by, act_name, name, typed, zone))
    except grpc.aio.AioRpcError as wrong:
        unsure = typed["request_id"] if is_away(wrong) else ""
        return await shown(request, door, Refused(act_name, typed, sentence(View(request), wrong), 409, unsure))
    return RedirectResponse(f"{door.base}?done={act_name}", 303)


async def _typed(request: Request, form: FormData) -> tuple[Typed, str]:
    """What was sent, and a sentence when one of the files is no picture."""
    case = name_of(request).partition("/referrals/")[0]
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


async def shown(
    request: Request, door: Door, refused: Refused | None = None, made: Mapping[str, Any] | None = None
) -> HTMLResponse:
    """The page of one referral, which was received by its being looked at."""
    case, referral = await own(door, name_of(request))
    if await receipt(door.by, referral):
        case, referral = await own(door, referral.name)
    form = refused or Refused()
    done = DONE.get(request.query_params.get("done", ""), "")
    return page(
        request,
        "referral.html",
        form.status,
        case=case,
        referral=referral,
        due=next_of(referral),
        acts=offered_acts(referral),
        kept_back=kept_back(case, referral),
        act=form.act,
        typed=form.typed,
        error=form.error,
        done=done,
        made=made,
        base=door.base,
        linked=door.linked,
        reasons=city_of(request).return_reasons,
        hours=links.HOURS,
        request_id=form.request_id or uuid.uuid4().hex,
    )


async def _until_seen(door: Door, after: referral_pb2.Referral) -> None:
    """Returns when tracking has what was just done, or after a moment: the next page then shows it."""
    end = time.monotonic() + SEEN_SECONDS
    while time.monotonic() < end:
        _, referral = await own(door, after.name)
        if _standing(referral) == _standing(after):
            return
        await asyncio.sleep(_LOOK_SECONDS)


def _standing(one: referral_pb2.Referral) -> tuple[int, ...]:
    """What an act of the agency changes."""
    return one.state, len(one.feedback), len(one.pending), len(one.disclosures), one.return_count


async def own(door: Door, name: str) -> tuple[case_pb2.Case, referral_pb2.Referral]:
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


async def receipt(by: Acting, one: referral_pb2.Referral) -> bool:
    """The agency's machine has it: whether that is news. A refusal is none: somebody took it back meanwhile."""
    if one.state != _R.OFFERED or one.HasField("received_at"):
        return False
    try:
        await by.do(by.mesh.gateway.AcknowledgeReferral, gateway_service_pb2.AcknowledgeReferralRequest(name=one.name))
    except grpc.aio.AioRpcError:
        return False
    return True


async def picture_of(request: Request, door: Door) -> Response:
    """A picture, for the agency that has the referral."""
    case, _ = await own(door, name_of(request))
    return picture_in(request, case)


def picture_in(request: Request, case: case_pb2.Case) -> Response:
    """A picture that the case names, as far as this person sees the case."""
    reference = f"console:{request.path_params['picture']}"
    named = {file.reference for one in case.referrals for note in one.feedback for file in note.attachments}
    path = _pictures(request).find(case.name, reference) if reference in named else None
    if path is None:
        return Response(status_code=404)
    return FileResponse(
        path, media_type=pictures.media_type(path.name), headers={"cache-control": "private, max-age=3600"}
    )


def name_of(request: Request) -> str:
    """The referral's name: of the address, or of the link."""
    if "token" in request.path_params:
        return str(request.state.referral)
    return f"cases/{request.path_params['case']}/referrals/{request.path_params['number']}"


def links_of(request: Request) -> links.Links:
    """The links of this console."""
    found: links.Links = request.app.state.links
    return found


def _pictures(request: Request) -> pictures.Pictures:
    found: pictures.Pictures = request.app.state.pictures
    return found
