"""Stamps: who asks for a change, when, and by which command id.

A person's command id is built from the case, the agency and the request id, so that equal request
ids of two agencies never meet. A policy's is built from the fact that caused it, so that a
redelivered fact leads to the same command.
"""

from __future__ import annotations

from google.protobuf.message import Message

from callmesh.domain.case import Actor
from callmesh.domain.errors import Invalid
from callmesh.domain.facts import Stamp
from callmesh.domain.words import ActorKind
from callmesh.kernel.ids import fingerprint, new_id, now

REQUEST_ID_LENGTH = 64


def by_person(case_id: str, request: Message, request_id: str, actor: Actor) -> Stamp:
    """The stamp of a call; an empty request id gets a fresh one and cannot be repeated."""
    if len(request_id) > REQUEST_ID_LENGTH or not request_id.isprintable() or " " in request_id:
        reason = {"request_id": f"1 to {REQUEST_ID_LENGTH} printable characters without spaces"}
        raise Invalid("request_id is malformed", "请求编号格式不正确 (1 至 64 个字符, 无空格)", reason)
    command = f"{case_id}:{actor.agency}:{request_id or new_id()}"
    return Stamp(command, now(), actor, "", _content(request))


def _content(request: Message) -> int:
    """A hash of what is asked for; the same action on the stream and as unary call counts as one."""
    content = type(request)()
    content.CopyFrom(request)
    if "request_id" in content.DESCRIPTOR.fields_by_name:
        content.ClearField("request_id")
    return fingerprint(content.SerializeToString(deterministic=True))


def by_policy(case_id: str, rule: str, sequence: int) -> Stamp:
    """The stamp of a rule that answers the fact at `sequence`."""
    actor = Actor(ActorKind.POLICY, "", "", rule)
    return Stamp(f"{case_id}:{rule}:{sequence}", now(), actor, f"ev/{sequence}")


def by_switch(case_id: str, said: str) -> Stamp:
    """The stamp of what the telephone switch said: one for each step of a leg."""
    actor = Actor(ActorKind.POLICY, "", "", "switch")
    return Stamp(f"{case_id}:switch:{said}", now(), actor, f"switch/{said}")


def by_timer(case_id: str, rule: str, due: str) -> Stamp:
    """The stamp of a limit's timer: one for each limit and due time."""
    actor = Actor(ActorKind.TIMER, "", "", rule)
    return Stamp(f"{case_id}:{rule}:{due}", now(), actor, f"due/{due}")
