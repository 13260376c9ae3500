"""The nouns and states of the domain, one enum each (glossary: services/README.md)."""

from __future__ import annotations

from enum import StrEnum


class CaseState(StrEnum):
    """Where a case (事件单) stands."""

    RECEIVED = "received"
    CLASSIFIED = "classified"
    REFERRED = "referred"
    DISPUTED = "disputed"
    FOLLOW_UP = "follow_up"
    CLOSED = "closed"
    ANSWERED = "answered"
    MERGED = "merged"
    CANCELLED = "cancelled"
    REJECTED = "rejected"


class ReferralState(StrEnum):
    """Where a referral (转办单) stands."""

    OFFERED = "offered"
    ACCEPTED = "accepted"
    IN_PROGRESS = "in_progress"
    SUSPENDED = "suspended"
    RETURN_REQUESTED = "return_requested"
    RETURNED = "returned"
    RESOLVED = "resolved"
    CLOSED = "closed"
    RECALLED = "recalled"
    WAIVED = "waived"


class Role(StrEnum):
    """Lead (主办) answers for the case, support (协办) helps."""

    LEAD = "lead"
    SUPPORT = "support"


class Verdict(StrEnum):
    """What the classifier dares to say."""

    EMERGENCY = "emergency"
    ASK = "ask"
    ROUTE = "route"


class Level(StrEnum):
    """P0 life or crime now, P1 danger, P2 ordinary need, P3 enquiry."""

    P0 = "p0"
    P1 = "p1"
    P2 = "p2"
    P3 = "p3"


class Supervision(StrEnum):
    """How closely a case is watched (督办); only rises until a person lifts it."""

    NONE = "none"
    BLUE = "blue"
    YELLOW = "yellow"
    RED = "red"

    @property
    def rank(self) -> int:
        """Higher is closer."""
        return _SUPERVISION_ORDER.index(self)


_SUPERVISION_ORDER = list(Supervision)


class Channel(StrEnum):
    """How the report reached us. Phone and video have a person on the line."""

    PHONE = "phone"
    VIDEO = "video"
    SMS = "sms"
    APP = "app"
    WEB = "web"
    KIOSK = "kiosk"
    PHOTO = "photo"
    PARTNER = "partner"
    SENSOR = "sensor"

    @property
    def attended(self) -> bool:
        """True when an operator is talking to the caller and classifies the case."""
        return self in (Channel.PHONE, Channel.VIDEO)


ATTENDED = frozenset(one.value for one in Channel if one.attended)
"""Those channels, as cases name them."""


class EmergencyRule(StrEnum):
    """Catalogue column `emergency` (taxonomy): Y at once, C conditional, N none."""

    ALWAYS = "Y"
    CONDITIONAL = "C"
    NEVER = "N"


class Limit(StrEnum):
    """The three limits of a referral (domain.md section 3), then of who answers, decides, asks, diverts, mends,
    calls back."""

    ACCEPT = "accept"
    FEEDBACK = "feedback"
    RESOLVE = "resolve"
    ANSWER = "answer"
    DECISION = "decision"
    FOLLOW_UP = "follow_up"
    DIVERSION = "diversion"
    RECTIFY = "rectify"
    CALL_BACK = "call_back"


class PendingKind(StrEnum):
    """What an agency may ask for that somebody else decides."""

    RETURN = "return"
    EXTENSION = "extension"
    SUSPENSION = "suspension"


class DisclosureState(StrEnum):
    """How far it is when an agency asked to see more."""

    ASKED = "asked"
    GRANTED = "granted"
    DENIED = "denied"


class Mode(StrEnum):
    """How a referral travels: with the caller on the line, or as a pushed work order."""

    CALL = "call"
    PUSH = "push"


class LegState(StrEnum):
    """Where a call leg (通话) stands, as the switch says."""

    RINGING = "ringing"
    ANSWERED = "answered"
    CONFERENCE = "conference"
    ENDED = "ended"
    FAILED = "failed"


class LegReason(StrEnum):
    """Why a call leg ended or failed."""

    NO_ANSWER = "no_answer"
    BUSY = "busy"
    DROPPED = "dropped"
    SWITCH_AWAY = "switch_away"
    NO_LINE = "no_line"
    HUNG_UP = "hung_up"


class ActorKind(StrEnum):
    """Who acted: a person, or the mesh: by a rule of the city, or because time ran out."""

    PERSON = "person"
    POLICY = "policy"
    TIMER = "timer"


class Consent(StrEnum):
    """Whether the caller agrees to a hand-over; only a refusal keeps a non-urgent matter."""

    GIVEN = "given"
    REFUSED = "refused"


class FollowUpMethod(StrEnum):
    """How the caller was asked."""

    PHONE = "phone"
    SMS = "sms"
    APP = "app"
    VISIT = "visit"


class RepeatStage(StrEnum):
    """How far the review of a repeated matter is: 梳理, 研判, 流转, 督办, 复核."""

    OPENED = "opened"
    SORTED = "sorted"
    ASSESSED = "assessed"
    ROUTED = "routed"
    SUPERVISED = "supervised"
    RECHECKED = "rechecked"


class FindingState(StrEnum):
    """Where a finding of the record patrol (巡查) stands."""

    OPEN = "open"
    RECTIFIED = "rectified"
    VERIFIED = "verified"
