"""Who may do what: one table, method x role x relation to the case (services/decisions/0010).

A call travels: its method has a row here, or it is refused; the caller's role is one of the row's, or it is refused;
is the row about a case, the caller's agency must stand in one of the row's relations to it. Who stands in none is
told that there is no such case, in the same words as for a case that never was. Who may see it but not do this is
told so.

The table says who may ask at all, in any state of the case; what the state allows, and whose round or referral it is,
the deciders say. So a row is never narrower than its decider, and an emergency's transfer is open to all who see it.
Policies and timers are the mesh itself and never come here.

Everybody may call itself operator. Roles that reach beyond the agency's own cases (`PRIVILEGED`) count only where
the city's data gives them to the agency, or a certificate says so (`ops`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from callmesh.domain.case import Actor, Case
from callmesh.domain.directory import City
from callmesh.domain.errors import NotYours, no_case, no_parent
from callmesh.domain.referral import OPEN_REFERRAL
from callmesh.domain.release import answering, bare, mask_for, shielded, view
from callmesh.domain.values import replace
from callmesh.domain.wordless import wordless
from callmesh.domain.words import ReferralState, Role

OPERATOR, PARTNER, MACHINE, HANDLER = "operator", "partner", "machine", "handler"
DISPATCHER, REVIEWER, FOLLOW_UP, AUDITOR = "dispatcher", "reviewer", "follow_up", "auditor"
COMMANDER, SUPERVISOR, OPS = "commander", "supervisor", "ops"
DESK = "desk"
"""Not a role of a person: the city gives it to agencies that answer calls, for wider limits."""
PRIVILEGED = frozenset({COMMANDER, SUPERVISOR, FOLLOW_UP, OPS})
GRANTABLE = PRIVILEGED | {DESK}
"""What the city's data may give to an agency."""
OVERSEERS = frozenset({SUPERVISOR, COMMANDER})
STAFF = frozenset({OPERATOR, PARTNER, MACHINE, HANDLER, DISPATCHER, REVIEWER, AUDITOR})
PEOPLE = STAFF | {COMMANDER, SUPERVISOR, FOLLOW_UP}
ALL = PEOPLE | {OPS}


class Relation(StrEnum):
    """How an agency stands to a case; it may stand in several relations at once."""

    ORIGIN = "origin"  # opened it
    OWNER = "owner"  # answers for it now
    SENDER = "sender"  # handed it on to somebody
    LEAD = "lead"  # leads, or led and is done
    SUPPORT = "support"  # helps
    ADVISORY = "advisory"  # is asked or told, neither leads nor helps
    FORMER = "former"  # had it: returned, recalled or waived
    SUPERVISOR = "supervisor"  # watches over cases of the city
    COMMANDER = "commander"  # decides where agencies differ
    FOLLOW_UP = "follow_up"  # asks the city's callers how it went
    WATCHER = "watcher"  # is the person who supervises this case, at an agency that has a part in it
    ADVISER = "adviser"  # of an agency whose advice the city wants on any case: may add a note, sees nothing
    OBSERVER = "observer"  # keeps the mesh running: sees the way, never the report


R = Relation
PARTIES = frozenset({R.ORIGIN, R.OWNER, R.SENDER, R.LEAD, R.SUPPORT, R.ADVISORY})
ABOVE = frozenset({R.SUPERVISOR, R.COMMANDER})
SEERS = PARTIES | ABOVE | {R.FORMER, R.FOLLOW_UP, R.OBSERVER}
HOLDERS = frozenset({R.LEAD, R.SUPPORT, R.ADVISORY, R.FORMER})
_SENDING = frozenset({R.ORIGIN, R.OWNER, R.SENDER, R.COMMANDER})
_PART = frozenset({R.ORIGIN, R.OWNER, R.SENDER, R.LEAD}) | ABOVE
_OVERSEEING = frozenset({R.ORIGIN, R.OWNER, R.SENDER, R.WATCHER}) | ABOVE
_JUDGING = frozenset({R.ORIGIN, R.SENDER}) | ABOVE
_AFTER = _PART | {R.FOLLOW_UP}
_FOLDING = frozenset({R.ORIGIN, R.OWNER, R.COMMANDER})
_ABOVE_ALL = frozenset({R.FOLLOW_UP}) | ABOVE
_EVERYBODY = frozenset({R.ORIGIN, R.OWNER, R.OBSERVER}) | _ABOVE_ALL
_OVER = {ReferralState.RETURNED, ReferralState.RECALLED, ReferralState.WAIVED}
_RELATION_OF = {Role.LEAD: R.LEAD, Role.SUPPORT: R.SUPPORT}
_ROLE_RELATION = {
    COMMANDER: R.COMMANDER,
    SUPERVISOR: R.SUPERVISOR,
    FOLLOW_UP: R.FOLLOW_UP,
    OPS: R.OBSERVER,
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A row: who may call, and in which relation to the case it is about; none when it is about no single case.

    `urgent` are the relations that suffice as well while the case is an emergency. `either`: of two cases that
    the caller sees it is enough to stand so to one.
    """

    roles: frozenset[str]
    relations: frozenset[Relation] = frozenset()
    urgent: frozenset[Relation] = frozenset()
    either: bool = False


TABLE: dict[str, Rule] = {
    # intake
    "OpenCase": Rule(PEOPLE),
    "AmendCase": Rule(PEOPLE, PARTIES | ABOVE),
    "AnswerCase": Rule(PEOPLE, _PART),
    "RejectCase": Rule(PEOPLE, _PART),
    "CancelCase": Rule(PEOPLE, _PART),
    "AnnotateCase": Rule(PEOPLE, PARTIES | {R.FORMER, R.COMMANDER, R.ADVISER}),
    "MergeCase": Rule(PEOPLE, _FOLDING, either=True),
    "UnmergeCase": Rule(PEOPLE, _FOLDING),
    # classification
    "SuggestClassification": Rule(PEOPLE),
    "ClassifyCase": Rule(PEOPLE, _PART),
    "ListCategories": Rule(ALL),
    # the city's data
    "GetCity": Rule(ALL),
    "CheckCity": Rule(frozenset({OPS})),
    "ApplyCity": Rule(frozenset({OPS})),
    # transfer
    "TransferCase": Rule(PEOPLE, _PART, urgent=PARTIES | {R.FORMER}),
    "DecideReturn": Rule(PEOPLE, _SENDING),
    "DesignateJurisdiction": Rule(PEOPLE, frozenset({R.COMMANDER})),
    "RecallReferral": Rule(PEOPLE, _SENDING),
    "WaiveReferral": Rule(PEOPLE, _SENDING | {R.LEAD}),
    "ConferenceCase": Rule(PEOPLE, _PART),
    "LeaveCall": Rule(PEOPLE, _PART),
    "EndCallLeg": Rule(PEOPLE, _PART),
    "RecordCallBack": Rule(PEOPLE, _AFTER),
    # gateway
    "ReceiveReferrals": Rule(PEOPLE),
    "PullReferrals": Rule(PEOPLE),
    "AcknowledgeReferral": Rule(PEOPLE, HOLDERS),
    "AcceptReferral": Rule(PEOPLE, HOLDERS),
    "ReportProgress": Rule(PEOPLE, HOLDERS),
    "ReturnReferral": Rule(PEOPLE, HOLDERS),
    "ResolveReferral": Rule(PEOPLE, HOLDERS),
    "ContestReturn": Rule(PEOPLE, HOLDERS),
    "RequestExtension": Rule(PEOPLE, HOLDERS),
    "RequestSuspension": Rule(PEOPLE, HOLDERS),
    "RequestDisclosure": Rule(PEOPLE, HOLDERS),
    "ListPresences": Rule(ALL),
    # supervision
    "RecordFollowUp": Rule(PEOPLE, _AFTER),
    "CloseCase": Rule(PEOPLE, _AFTER),
    "ReopenCase": Rule(PEOPLE, _AFTER),
    "SendBackResolution": Rule(PEOPLE, _JUDGING),
    "ApproveResolution": Rule(PEOPLE, _JUDGING),
    "ChangeSupervisor": Rule(PEOPLE, _PART),
    "DecideExtension": Rule(PEOPLE, _OVERSEEING),
    "SuspendReferral": Rule(PEOPLE, _OVERSEEING),
    "DenySuspension": Rule(PEOPLE, _OVERSEEING),
    "ResumeReferral": Rule(PEOPLE, _OVERSEEING | HOLDERS),
    "RemindReferral": Rule(PEOPLE, _OVERSEEING),
    "RaiseSupervision": Rule(PEOPLE, ABOVE | {R.ORIGIN}),
    "LiftSupervision": Rule(PEOPLE, ABOVE | {R.WATCHER}),
    "RecordMediation": Rule(PEOPLE, HOLDERS | {R.ORIGIN, R.OWNER}),
    "AdvanceRepeat": Rule(PEOPLE, PARTIES | ABOVE),
    "RectifyFinding": Rule(PEOPLE, PARTIES | ABOVE | {R.FORMER}),
    "VerifyFinding": Rule(PEOPLE, ABOVE),
    "GrantDisclosure": Rule(PEOPLE, _OVERSEEING),
    "EraseCase": Rule(frozenset({SUPERVISOR, COMMANDER}), ABOVE),
    # tracking
    "GetCase": Rule(ALL, SEERS),
    "ListCases": Rule(ALL, SEERS),
    "ListCaseEvents": Rule(ALL, SEERS),
    "WatchCases": Rule(ALL, SEERS),
    "GetTimeline": Rule(ALL, SEERS),
    "GetFigures": Rule(ALL),
}


def rule_of(method: str) -> Rule:
    """The row of a method; raises NotYours when there is none: what is not allowed is refused."""
    rule = TABLE.get(method)
    if rule is None:
        raise NotYours(f"nobody may call {method}", "该操作未开放")
    return rule


def require_role(method: str, actor: Actor, city: City | None) -> None:
    """The role may call this at all, and the agency has it; raises NotYours."""
    rule = rule_of(method)
    if actor.role not in rule.roles:
        raise NotYours(f"role {actor.role!r} may not call {method}", "您的岗位无权进行此操作, 请联系管理员")
    if not is_granted(actor, city):
        raise NotYours(
            f"the city's data does not give {actor.agency!r} the role {actor.role}",
            "本单位未被授予该岗位, 请核对城市目录",
        )


def is_granted(actor: Actor, city: City | None) -> bool:
    """Whether the role counts: ordinary ones always, others where the city's data names them.

    An actor without an agency is no agency's person: only the certificate or, in development, nobody's check made
    it one.
    """
    if actor.role not in PRIVILEGED or (actor.role == OPS and not actor.agency):
        return True
    known = city.agency.get(actor.agency) if city else None
    return known is not None and actor.role in known.roles


def sees_all(actor: Actor) -> bool:
    """Whether the (granted) role looks beyond the agency's own cases."""
    return actor.role in PRIVILEGED


def relations(case: Case, actor: Actor, city: City | None = None) -> frozenset[Relation]:
    """How the actor stands to the case; its role counts as granted. Without the city nobody is an adviser."""
    found = set(_of_agency(case, actor.agency)) if actor.agency else set()
    if found & PARTIES and actor.person and actor.person == case.supervisor:
        found.add(R.WATCHER)
    if actor.role in _ROLE_RELATION:
        found.add(_ROLE_RELATION[actor.role])
    known = city.agency.get(actor.agency) if city else None
    if known is not None and known.advisory:
        found.add(R.ADVISER)
    return frozenset(found)


def _of_agency(case: Case, agency: str) -> Iterable[Relation]:
    if case.origin == agency:
        yield R.ORIGIN
    if case.owner == agency:
        yield R.OWNER
    for one in case.referrals:
        if one.sender == agency:
            yield R.SENDER
        if one.agency == agency:
            held = one.state in OPEN_REFERRAL or one.state not in _OVER
            yield _RELATION_OF.get(one.role, R.ADVISORY) if held else R.FORMER


def require_relation(method: str, case: Case, actor: Actor, city: City | None = None) -> None:
    """The actor may do this to the case; raises NotFound when it may not even see it, else NotYours."""
    _require(method, relations(case, actor, city), actor, case.emergency)


def require_of_both(method: str, first: Case, second: Case | None, actor: Actor) -> None:
    """The same of a call that changes two cases; the second is None when there is no such case.

    Where the caller names both (`either`), it must see both and stand rightly to one; else the first counts alone.
    """
    standing = relations(first, actor)
    if rule_of(method).either and standing & SEERS:
        other = relations(second, actor) if second else frozenset()
        if not other & SEERS:
            raise no_parent()
        standing |= other
    _require(method, standing, actor)


def _require(method: str, standing: frozenset[Relation], actor: Actor, emergency: bool = False) -> None:
    rule = rule_of(method)
    if standing & (rule.relations | rule.urgent if emergency else rule.relations):
        return
    if not standing & SEERS:
        raise no_case()
    if rule.relations == {R.COMMANDER}:
        raise NotYours(f"only a commander may call {method}", "只有指挥长可以进行此操作, 请提请指挥长决定")
    raise NotYours(f"{actor.agency} may not call {method} on this case", "本单位无权对该事件单进行此操作")


def seen(case: Case, actor: Actor, city: City | None) -> Case:
    """As much of the case as the actor may know; raises NotFound when that is nothing.

    The origin sees all of it: it wrote it down. So do the roles that watch over the city's cases, but for who a
    confidential or silent caller is. Whoever else works on it, the owner of record too, sees of the report what the
    release policy of its kind allows. Who had it sees its way, without the report.
    """
    standing = relations(case, actor)
    if R.ORIGIN in standing:
        return case
    if standing & _ABOVE_ALL:
        return shielded(case)
    if standing & PARTIES and city is not None:
        if R.OWNER in standing:
            return answering(case, actor.agency, city)
        return _with_sent(case, view(case, actor.agency, city), actor.agency, city)
    if R.OBSERVER in standing:
        return wordless(case)
    if standing & SEERS:
        return _with_sent(case, bare(case, actor.agency), actor.agency)
    raise no_case()


def sees_everybody(case: Case, actor: Actor) -> bool:
    """Whether the actor sees what all agencies do about the case, not only its own part."""
    return bool(relations(case, actor) & _EVERYBODY)


def _with_sent(case: Case, shown: Case, agency: str, city: City | None = None) -> Case:
    """Who handed a referral on sees what becomes of it."""
    mask = mask_for(case, agency, city)
    return replace(shown, referrals=tuple(mask(one) for one in case.referrals if agency in (one.agency, one.sender)))
