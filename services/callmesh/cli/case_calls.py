"""An action on a case, carried out: what was typed becomes a request, the answer a few lines for people.

Which case a number means, and which referral is meant when none is named, tracking says. A refusal is told in Chinese
and English, with what may be done instead; nothing is tried twice but what gRPC repeats with the same request id.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import Any

import click
import grpc
from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message

from callmesh.api.v1 import case_pb2, referral_pb2
from callmesh.api.v1 import tracking_service_pb2 as trk
from callmesh.cli import case_codes, clients, endpoints, trace, wording
from callmesh.cli.case_actions import Action, On
from callmesh.cli.clients import SECONDS
from callmesh.cli.output import BadInput, Failure, plain
from callmesh.cli.refusals import Refused
from callmesh.cli.stats_window import zone_from
from callmesh.cli.timeline import ROLES, turn
from callmesh.kernel.ids import new_id
from callmesh.kernel.rpc import client
from callmesh.kernel.rpc.clients import Clients
from callmesh.states import OPEN

Person = Sequence[tuple[str, str]]
_LIVE = OPEN | {referral_pb2.Referral.RESOLVED}


async def carry_out(action: Action, given: dict[str, Any]) -> None:
    """Asks the mesh for it and shows the answer; raises Failure."""
    me = client.identity(given["operator"], given["person"], given["role"])
    where = endpoints.find()
    try:
        async with clients.connect(where, action.service) as connected:
            name = await _name(connected, action.on, given, me)
            await _in_the_city(connected, given, me)
            method = getattr(getattr(connected, action.service), action.rpc)
            answer = await method(request(action, name, given), metadata=me, timeout=SECONDS)
    except grpc.aio.AioRpcError as wrong:
        raise Refused(wrong, given["as_json"]) from None
    _show(answer, given["as_json"])
    for said in await case_codes.unknown(where, action, given, answer):
        click.echo(f"callmesh: {plain(said)}", err=True)


async def _in_the_city(connected: Clients, given: dict[str, Any], me: Person) -> None:
    """A time that was typed without its zone is the city's."""
    when = given.get("until")
    if when is None or when.tzinfo is not None:
        return
    zone = await clients.zone_of(connected, me)
    if not zone:
        raise Failure("the tracking service does not tell the city's zone; write it: --until 2026-11-24T18:00+08:00")
    given["until"] = when.replace(tzinfo=zone_from(zone))


def request(action: Action, name: str, given: dict[str, Any]) -> Message:
    """The request of what was typed."""
    module = import_module(f"callmesh.api.v1.{action.service}_service_pb2")
    made: Message = getattr(module, f"{action.rpc}Request")(request_id=given["request_id"] or new_id())
    if name:
        _put(made, "name", name)
    if given["etag"]:
        _guard(made, given["etag"])
    for option, path in action.paths.items():
        if (value := given[option.replace("-", "_")]) not in (None, (), False):
            _put(made, path, _named_case(value) if option == "into" else value)
    for path, value in action.fixed.items():
        _put(made, path, value)
    return made


def _guard(made: Message, etag: str) -> None:
    if "etag" not in made.DESCRIPTOR.fields_by_name:
        raise BadInput("--etag does not go with this action")
    _put(made, "etag", etag)


def _named_case(which: str) -> str:
    return trace.named(which) or which


def _put(made: Any, path: str, value: Any) -> None:
    """Sets the field at that path, as its type wants it."""
    *parents, name = path.split(".")
    for one in parents:
        made = getattr(made, one)
    kind = made.DESCRIPTOR.fields_by_name[name]
    if isinstance(value, tuple):
        getattr(made, name).extend(value)
    elif isinstance(value, datetime):
        getattr(made, name).FromDatetime(value.astimezone(UTC))
    elif kind.enum_type:
        setattr(made, name, next(one.number for one in kind.enum_type.values if one.name.endswith(value.upper())))
    else:
        setattr(made, name, value)


# which


async def _name(connected: Clients, on: On, given: dict[str, Any], me: Person) -> str:
    """The resource that is meant; "" for what is about none."""
    if on == On.NOTHING:
        return ""
    which = given["which"].strip()
    name = trace.named(which) or await _of_number(connected, which, me)
    if on == On.CASE:
        return name
    number = given["referral"] or _number_in(which)
    return f"{name}/referrals/{number}" if number else await _meant(connected, name, given["operator"], me)


def _number_in(which: str) -> str:
    """Of a referral's name."""
    return which.rpartition("/referrals/")[2] if "/referrals/" in which else ""


async def _of_number(connected: Clients, which: str, me: Person) -> str:
    found = await trace.search(connected, which, me)
    if not found:
        raise Failure(f"没有编号或来电号码为 {which} 的事件单\nno case has the external or caller's number {which}")
    if len(found) > 1:
        names = "\n".join(f"  {one.name}  {wording.state_zh(one)}" for one in found)
        raise Failure(f"{which} 对应多个事件单, 请指明其一\nseveral cases have this number; name one:\n{names}")
    return found[0].name


async def _meant(connected: Clients, name: str, agency: str, me: Person) -> str:
    """The referral of this round that the agency has, else the only one that is not over, by the log's last word."""
    asked = trk.GetTimelineRequest(name=name)
    case = (await connected.tracking.GetTimeline(asked, metadata=me, timeout=SECONDS)).case
    live = [one for one in case.referrals if one.round == case.round and one.state in _LIVE]
    fits = [one for one in live if one.agency == agency] or live
    if len(fits) == 1:
        return fits[0].name
    if not fits:
        raise Failure(f"{name} 没有在办的转办单\nno referral of this case is under way")
    raise Failure(
        "\n".join(["请指明转办单编号", "several referrals are under way; name one by its number:", *_lines(fits)])
    )


# the answer


def _show(answer: case_pb2.Case | referral_pb2.Referral, as_json: bool) -> None:
    if as_json:
        click.echo(MessageToJson(answer, preserving_proto_field_name=True, ensure_ascii=False, indent=None))
    elif isinstance(answer, case_pb2.Case):
        click.echo("\n".join(_case_lines(answer)))
    else:
        click.echo("\n".join([answer.name, *_lines([answer])]))


def _case_lines(case: case_pb2.Case) -> list[str]:
    if not case.state:
        return [case.name]  # of another agency's case nothing else is told
    about = [wording.state_zh(case), wording.state(case), wording.level(case.classification.level)]
    about += [case.classification.category, f"round {case.round}" if case.round > 1 else ""]
    about += [f"supervision {wording.COLOURS[case.supervision]}" if case.supervision in wording.COLOURS else ""]
    lines = [case.name, " · ".join(one for one in about if one), f"→ {turn(case, datetime.now().astimezone())}"]
    return [*lines, *_lines([one for one in case.referrals if one.round == case.round]), *_calls(case)]


def _calls(case: case_pb2.Case) -> list[str]:
    """One line a call leg: its id, agency, where it stands, and whether somebody has to call back."""
    owed = [one.HasField("call_back") and not one.call_back.HasField("done_at") for one in case.call_legs]
    return [
        f"通话  {one.leg}  {wording.fit(one.agency, 16)} {wording.LEGS.get(one.state, '')}{', 须回电 call back' * back}"
        for one, back in zip(case.call_legs, owed, strict=True)
    ]


def _lines(referrals: Sequence[referral_pb2.Referral]) -> list[str]:
    """One line a referral: number, agency, part, state."""
    return [
        f"{one.name.rpartition('/')[2]:>4}  {wording.fit(one.agency, 16)} {ROLES.get(one.role, ''):<4}"
        f"{wording.referral_zh(one)}"
        for one in referrals
    ]
