"""`/cases/{id}`: one case, its lanes and everything that happened; made to be printed as well.

A caller's number is masked. To see it a person states why: that is written into the case as a note, so the log itself
is the record of who looked (AnnotateCase), and only then shown.
"""

from __future__ import annotations

import grpc
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from callmesh.api.v1 import intake_service_pb2, tracking_service_pb2
from callmesh.console.acts import Acts, offered
from callmesh.console.commands import Command, NotUnderstood
from callmesh.console.lanes import WIDTH, lanes
from callmesh.console.pages.referral import picture_in
from callmesh.console.rows import next_due
from callmesh.console.telling import Telling
from callmesh.console.web import View, acting, city_of, is_away, page, sentence
from callmesh.kernel.ids import new_id

ACTS = {
    "accept": "Accept",
    "return": "Return, with the reason",
    "resolve": "Resolve, with the result",
    "remind": "Ask for progress",
    "grant": "Grant a return",
    "deny": "Deny a return, with the reason",
    "offer": "Transfer it: to the agency named, else by the catalogue",
    "answer": "Answer on the spot: what the caller was told",
    "recall": "Take it back, with the reason",
    "follow_up": "Record a follow-up: 1 to 5, and a note",
    "not_reached": "Record a follow-up: nobody answered",
    "close": "Close the case",
    "reopen": "Open a new round, with the reason",
    "amend": "Add words to the report",
    "merge": "Fold into another case: its number, and why",
    "reject": "Do not take it up",
    "cancel": "Cancel it, with the reason",
}


async def show(request: Request) -> Response:
    """The page."""
    return await _page(request)


async def reveal(request: Request) -> Response:
    """Shows the caller's number, after the reason was written into the case."""
    me, given = acting(request), await request.form()
    reason = str(given.get("reason", "")).strip()
    if not reason:
        return await _page(request, error=View(request).say("Say why you need the number."), status=422)
    noted = intake_service_pb2.AnnotateCaseRequest(
        request_id=new_id(), name=_name(request), text=f"查看来电号码: {reason}"
    )
    await me.do(me.mesh.intake.AnnotateCase, noted)
    return await _page(request, revealed=True)


async def picture(request: Request) -> Response:
    """What an agency sent along, for everybody who sees that of the case."""
    me = acting(request)
    asked = tracking_service_pb2.GetCaseRequest(name=_name(request))
    return picture_in(request, await me.do(me.mesh.tracking.GetCase, asked))


async def act(request: Request) -> Response:
    """One act of the list, with its words; a request id of the form keeps a second press harmless.

    What is refused comes back with the words that were typed.
    """
    given, name = await request.form(), _name(request)
    chosen, words, id = (str(given.get(one, "")).strip() for one in ("verb", "words", "id"))
    verb, _, ground = chosen.partition(" ")  # each ground is a choice of its own
    if verb not in ACTS:
        return await _page(request, error=View(request).say("Choose what to do."), status=422)
    try:
        said = f"{ground} {words}" if ground else words
        await Acts(acting(request), city_of(request), id or new_id()).do(Command(verb, name, said))
    except NotUnderstood as wrong:
        return await _page(request, error=View(request).say(str(wrong)), status=422, verb=chosen, words_typed=words)
    except grpc.aio.AioRpcError as wrong:
        kept = {"id": id} if id and is_away(wrong) else {}
        said = sentence(View(request), wrong)
        return await _page(request, error=said, status=409, verb=chosen, words_typed=words, **kept)
    return RedirectResponse(f"/{name}", 303)


async def _page(request: Request, status: int = 200, **given: object) -> Response:
    me = acting(request)
    asked = tracking_service_pb2.GetTimelineRequest(name=_name(request))
    found = await me.do(me.mesh.tracking.GetTimeline, asked)
    acts = {verb: ACTS[verb] for verb in offered(found.case, me.account.agency)}
    told = {"error": "", "revealed": False, "acts": acts, "id": new_id(), "verb": "", "words_typed": "", **given}
    due, drawn = next_due(found.case), lanes(found)
    trace_url = request.app.state.own.trace_url
    return page(
        request,
        "case.html",
        status,
        case=found.case,
        timeline=found,
        due=due,
        lanes=drawn,
        grounds=city_of(request).grounds,
        releases=list(Telling(View(request).words).releases(found)),
        width=WIDTH,
        trace_url=trace_url,
        **told,
    )


def _name(request: Request) -> str:
    return f"cases/{request.path_params['case']}"


ROUTES = [
    Route("/cases/{case}", show),
    Route("/cases/{case}/pictures/{picture}", picture),
    Route("/cases/{case}/reveal", reveal, methods=["POST"]),
    Route("/cases/{case}/act", act, methods=["POST"]),
]
