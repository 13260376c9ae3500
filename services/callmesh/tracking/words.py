"""Proto numbers <-> the domain's words, and Timestamps <-> microseconds, for the hot path.

A number that this code does not know passes through as its decimal text.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from callmesh.api.v1 import case_pb2, common_pb2, referral_pb2
from callmesh.domain import words as w
from callmesh.domain.errors import Invalid
from callmesh.ledger.wire import enum_numbers

SECOND = 1_000_000
CODE = re.compile(r"^[A-Za-z0-9_.-]{1,40}$")
"""A reason that is a code of the city's; anything else is what somebody wrote."""
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Words:
    """One enum, both ways; the unstated value is ""."""

    def __init__(self, words: type[StrEnum], descriptor: EnumDescriptor) -> None:
        self.numbers = {word.value: number for word, number in enum_numbers(words, descriptor).items()}
        self.words = {number: word for word, number in self.numbers.items()} | {0: ""}

    def word(self, number: int) -> str:
        """The word of a number."""
        return self.words.get(number) or ("" if number == 0 else str(number))

    def number(self, word: str) -> Any:
        """The number of a word."""
        return self.numbers.get(word) or (int(word) if word.isdecimal() else 0)


CASE_STATE = Words(w.CaseState, case_pb2.Case.State.DESCRIPTOR)
REFERRAL_STATE = Words(w.ReferralState, referral_pb2.Referral.State.DESCRIPTOR)
ROLE = Words(w.Role, referral_pb2.Referral.Role.DESCRIPTOR)
LEVEL = Words(w.Level, common_pb2.Level.DESCRIPTOR)
VERDICT = Words(w.Verdict, common_pb2.Verdict.DESCRIPTOR)
SUPERVISION = Words(w.Supervision, common_pb2.Supervision.DESCRIPTOR)
PENDING = Words(w.PendingKind, referral_pb2.Pending.Kind.DESCRIPTOR)
LIMIT = Words(w.Limit, common_pb2.Limit.DESCRIPTOR)
ACTOR_KIND = Words(w.ActorKind, common_pb2.ActorKind.DESCRIPTOR)


def micros(stamp: Timestamp) -> int:
    """Microseconds since 1970."""
    return stamp.seconds * SECOND + stamp.nanos // 1000


def time_asked(stamp: Timestamp) -> int:
    """Microseconds of a time that a caller gave; raises Invalid outside the years 1 to 9999."""
    if not _FIRST_SECOND <= stamp.seconds <= _LAST_SECOND or not 0 <= stamp.nanos < 10**9:
        raise Invalid("a time is out of range", "时间超出范围, 请核对", {"timestamp": "years 1 to 9999"})
    return micros(stamp)


def micros_of(at: datetime) -> int:
    """Microseconds since 1970 of an aware datetime, exact."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def timestamp(at: int) -> Timestamp:
    """The Timestamp of microseconds."""
    return Timestamp(seconds=at // SECOND, nanos=at % SECOND * 1000)


def duration(length: int) -> Duration:
    """The Duration of microseconds, not negative."""
    length = max(length, 0)
    return Duration(seconds=length // SECOND, nanos=length % SECOND * 1000)


def clean(text: str) -> str:
    """Text that PostgreSQL can store: it refuses the character zero."""
    return text.replace("\0", "") if "\0" in text else text
