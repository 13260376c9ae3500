"""The formulas of domain.md section 6, as functions of marks. Where it leaves room, this is our reading.

cases_opened        cases opened in the window; cases_by_state, _channel, _level, _category: the same by key
cases_by_agency     cases an agency holds or held a referral of; a case of three agencies counts for each
diverted            cases offered to an agency other than the origin, the emergencies among them too
diversion_rate      offered to another agency / classified and neither an emergency nor led by the police
late_diversion      first offer after the case's limit had passed (the watch flagged it) / offered to another agency
closed_rate         CLOSED or ANSWERED / opened
closed_within       closed within 24 h, 72 h of opening / closed
closure_time        closed within 1 h, in 1 to 4 h, ... / closed: the buckets sum to the whole
accept_on_time      accepted by the due time / accepted, or the due time passed before it ended or by now
accept_seconds_*    from delivery to acceptance: mean, p50, p95 (nearest rank, to the tenth of a second);
                    numerator: how many accepted
return_rate         referrals with a return asked for / referrals offered
right_first_time    referrals not returned / referrals offered
effective_handling  referrals with a result (有效处置) / referrals offered and neither returned, recalled nor waived
on_time             leads' results by the due time / leads' due times in the window that have passed or were met
response            the agency contacted the caller / cases with an answered follow-up
solved              last answered follow-up says solved / cases with an answered follow-up
satisfied           last answered follow-up says 4 or 5 / those that say anything
score               the three by the city's weights; denominator: cases with an answered follow-up
agency_ranking      place by score among the agencies that have one
follow_up_reached   cases with an answered follow-up / cases with a follow-up tried
follow_up_unreached cases nobody answered for / cases with a follow-up tried: in no other rate's denominator
repeat_rate         cases linked to earlier ones / opened
reopen_rate         cases of more than one round / cases closed or of more than one round
arrival_within      on site within 5 or 10 minutes of delivery / referrals somebody arrived for
limits_missed       referrals that missed the limit / referrals offered, by limit
audit_coverage      closed cases that the record patrol visited / closed
audit_rectified     findings rectified or verified / findings

A rate of nothing has denominator 0 and no value: unknown, not zero.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from callmesh.tracking import marks as m

Count = Callable[[int], int]
Tally = Mapping[int, int]
"""How many rows have these marks."""


def has(*bits: int) -> Count:
    """One for marks that carry all the bits."""
    mask = 0
    for bit in bits:
        mask |= bit
    return lambda marks: marks & mask == mask


def lacks(bits: int) -> Count:
    """One for marks that carry none of the bits."""
    return lambda marks: not marks & bits


def every(marks: int) -> int:
    """One, whatever the marks."""
    return 1


@dataclass(frozen=True, slots=True)
class Rate:
    """`part` out of `whole`; both count one row's share."""

    id: str
    key: str
    zh: str
    part: Count
    whole: Count

    def of(self, tally: Tally) -> tuple[int, int]:
        """Numerator and denominator over rows."""
        part, whole = self.part, self.whole
        counted = [(part(marks) * rows, whole(marks) * rows) for marks, rows in tally.items()]
        return sum(one for one, _ in counted), sum(one for _, one in counted)


def _divertible(marks: int) -> int:
    return marks & (m.CLASSIFIED | m.EMERGENCY | m.POLICE) == m.CLASSIFIED


def _accepted_or_passed(marks: int) -> int:
    return bool(marks & (m.ACCEPTED | m.PASSED))


def _bucket(place: int) -> Count:
    return lambda marks: bool(marks & m.CLOSED) and m.bucket(marks) == place


def _within(places: int) -> Count:
    return lambda marks: bool(marks & m.CLOSED) and m.bucket(marks) <= places


_KEYS = [name for name, _ in m.BUCKETS]
_CLOSURE = tuple(
    Rate("closure_time", key, zh, _bucket(place), has(m.CLOSED))
    for place, (key, zh) in enumerate(
        zip(
            _KEYS,
            ("一小时内办结", "一至四小时办结", "四至二十四小时办结", "一至三天办结", "三至七天办结", "七天以上办结"),
            strict=True,
        )
    )
)
RESPONSE = Rate("response", "", "响应率", has(m.REACHED, m.CONTACTED), has(m.REACHED))
SOLVED = Rate("solved", "", "解决率", has(m.REACHED, m.SOLVED), has(m.REACHED))
RATED = Rate("satisfied", "", "满意率", has(m.RATED, m.SATISFIED), has(m.RATED))
CASE_RATES = (
    Rate("diversion_rate", "", "分流率", lambda one: _divertible(one) and bool(one & m.DIVERTED), _divertible),
    Rate("late_diversion", "", "超时分流率", has(m.DIVERTED, m.LATE), has(m.DIVERTED)),
    Rate("closed_rate", "", "办结率", has(m.CLOSED), every),
    Rate("closed_within", "24h", "二十四小时办结率", _within(_KEYS.index("24h")), has(m.CLOSED)),
    Rate("closed_within", "72h", "七十二小时办结率", _within(_KEYS.index("72h")), has(m.CLOSED)),
    *_CLOSURE,
    RESPONSE,
    SOLVED,
    RATED,
    Rate("follow_up_reached", "", "回访接通率", has(m.REACHED), has(m.ASKED)),
    Rate("follow_up_unreached", "", "回访未接通", lambda one: one & (m.ASKED | m.REACHED) == m.ASKED, has(m.ASKED)),
    Rate("repeat_rate", "", "重复诉求率", has(m.REPEAT), every),
    Rate("reopen_rate", "", "重办率", has(m.REOPENED), lambda one: bool(one & (m.CLOSED | m.REOPENED))),
    Rate("audit_coverage", "", "巡查覆盖率", has(m.CLOSED, m.VISITED), has(m.CLOSED)),
    Rate("audit_rectified", "", "巡查整改率", m.rectified, m.findings),
)
REFERRAL_RATES = (
    Rate("accept_on_time", "", "按时签收率", has(m.ON_TIME), _accepted_or_passed),
    Rate("return_rate", "", "退单率", has(m.RETURN_ASKED), every),
    Rate("right_first_time", "", "一次派准率", lacks(m.RETURNED), every),
    Rate(
        *("effective_handling", "", "有效处置率"),
        lambda one: one & (m.RESOLVED | m.RETURNED | m.RECALLED) == m.RESOLVED,
        lacks(m.RETURNED | m.RECALLED),
    ),
    Rate("arrival_within", "5m", "五分钟到场率", has(m.ARRIVED_5), has(m.ARRIVED)),
    Rate("arrival_within", "10m", "十分钟到场率", has(m.ARRIVED_10), has(m.ARRIVED)),
    Rate("limits_missed", "accept", "签收超时", has(m.MISSED_ACCEPT), every),
    Rate("limits_missed", "feedback", "反馈超时", has(m.MISSED_FEEDBACK), every),
    Rate("limits_missed", "resolve", "办结超时", has(m.MISSED_RESOLVE), every),
)
ON_TIME = Rate("on_time", "", "按时办结率", has(m.IN_TIME), every)
RATE_IDS = frozenset(one.id for one in (*CASE_RATES, *REFERRAL_RATES, ON_TIME))
