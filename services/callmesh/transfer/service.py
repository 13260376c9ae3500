"""Who a case goes to: the city's data, a plan, or the agency that an operator named."""

from __future__ import annotations

from dataclasses import dataclass, replace

from callmesh.domain import commands as c
from callmesh.domain import returns, ringing, routing
from callmesh.domain.case import Case
from callmesh.domain.decide_calls import has_voice, need_voice
from callmesh.domain.decide_referral import plan_applied
from callmesh.domain.directory import City
from callmesh.domain.errors import Invalid, WrongState, missing
from callmesh.domain.referral import Referral
from callmesh.domain.repeats import length
from callmesh.domain.routing import Question
from callmesh.domain.words import Mode, ReferralState, Role
from callmesh.kernel.ids import now
from callmesh.ledger.boot import Mesh

_HAS_IT = frozenset({ReferralState.OFFERED, ReferralState.ACCEPTED, ReferralState.IN_PROGRESS, ReferralState.SUSPENDED})
"""A lead in one of these may be chosen again: the key pressed once more leads to the same body, and changes nothing."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the operator asked for; all empty is the one key."""

    agency: str = ""
    support: tuple[str, ...] = ()
    plan: str = ""
    mode: Mode | None = None
    reason: str = ""
    flags: tuple[str, ...] = ()
    conference: bool = False


class Transfers:
    """Turns a case and a wish into the command that offers it."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    def transfer(self, case: Case, origin: str, wish: Wish) -> c.Transfer:
        """The command for a wish; raises Invalid or WrongState when nobody fits."""
        city = self._mesh.city
        targets = self._targets(case, origin, wish)
        if wish.mode == Mode.CALL or wish.conference:
            need_voice(case)
        return c.Transfer(
            targets=targets,
            mode=Mode.CALL if wish.conference else wish.mode or _mode(city, case, targets),
            calendar=city.calendar,
            plan=wish.plan,
            reason=wish.reason,
            city_version=city.version,
            flags=wish.flags,
            conference=wish.conference,
        )

    def joining(self, case: Case, reason: str) -> c.Transfer:
        """The command that sends whom the matter needs beside a lead that is at work already."""
        city = self._mesh.city
        targets = _added(case, self._chosen(case, self._question(case, case.origin), ()))
        return c.Transfer(targets, Mode.PUSH, city.calendar, reason=reason, city_version=city.version, forced=True)

    def rung(self, case: Case, agency: str, language: str) -> c.Confer:
        """The command that brings an agency, the lead, or an interpreter on the line; raises WrongState, Invalid."""
        if not self._mesh.runtime.settings.switch:
            raise WrongState(
                "no telephone switch is attached; push the work order",
                "本系统未接入电话交换机, 请以推送方式转办",
                state="no_switch",
                allowed=("TransferCase (push)",),
            )
        if language:
            return c.Confer(ringing.interpreter(self._mesh.city, language))
        whom = agency or (case.lead.agency if case.lead else "")
        if not whom:
            raise missing("agency", "要接入通话的单位")
        held = next((one.name for one in case.this_round if one.is_open and one.agency == whom), "")
        return c.Confer(ringing.agency(self._mesh.city, whom, held))

    def grant(self, case: Case, referral: Referral, agency: str, reason: str) -> c.GrantReturn:
        """Grant a return: to the agency named, else onwards by the city's data."""
        question = self._question(case, referral.sender)
        return returns.grant(self._mesh.city, case, referral, question, agency, reason)

    def designate(self, case: Case, agency: str, reason: str) -> c.Designate:
        """A commander's decision: for the agency named, else for whom the city makes keep what nobody takes."""
        city, question = self._mesh.city, self._question(case, case.origin)
        if agency:
            target = routing.name_agency(city, question, agency, Role.LEAD, f"指定管辖: {reason}")
        else:
            target = routing.last_resort(city, question)
        return c.Designate(reason, target, city.calendar)

    def _targets(self, case: Case, origin: str, wish: Wish) -> tuple[c.Target, ...]:
        city, question = self._mesh.city, self._question(case, origin)
        if wish.plan:
            plan = city.plan.get(wish.plan)
            if plan is None:
                raise Invalid("no such plan", f"没有预案 {wish.plan}", {"plan": "unknown plan"})
            if plan_applied(case, wish.plan):
                return ()  # whoever is done with it need not be found again
            return _added(case, routing.apply_plan(city, question, plan))
        extra = tuple(
            routing.name_agency(city, question, one, Role.SUPPORT, wish.reason or "接警员指定") for one in wish.support
        )
        if wish.agency:
            why = wish.reason or "接警员指定"
            lead = routing.name_agency(city, question, wish.agency, Role.LEAD, why)
            return (lead, *extra)
        if case.lead is not None and extra:
            return extra
        return self._chosen(case, question, extra)

    def _chosen(self, case: Case, question: Question, extra: tuple[c.Target, ...]) -> tuple[c.Target, ...]:
        if not case.category and not case.emergency:
            raise WrongState(
                "classify the case or name an agency first",
                "请先分类, 或直接指定单位",
                state=case.state.value,
                allowed=("ClassifyCase", "TransferCase (agency)"),
            )
        chosen = routing.choose(self._mesh.city, question)
        if not chosen:
            raise WrongState(
                "this category has no agency: answer on the spot",
                "该类别不转办, 请当场答复或告知正当渠道",
                state=case.state.value,
                allowed=("AnswerCase", "RejectCase"),
            )
        named = {one.agency for one in chosen}
        return (*chosen, *(one for one in extra if one.agency not in named))

    def _question(self, case: Case, origin: str) -> Question:
        leads = (one for one in case.this_round if one.role == Role.LEAD)
        tried = frozenset(one.agency for one in leads if one.state not in _HAS_IT)
        return Question(case.category, case.division, origin or case.origin, now(), case.emergency, tried)


def _added(case: Case, targets: tuple[c.Target, ...]) -> tuple[c.Target, ...]:
    """A plan's bodies beside a lead that is at work already: those without the case, in support."""
    if case.lead is None:
        return targets
    held = {one.agency for one in case.this_round if one.is_open}
    return tuple(replace(one, role=Role.SUPPORT) for one in targets if one.agency not in held) or targets


def _mode(city: City, case: Case, targets: tuple[c.Target, ...]) -> Mode:
    """With the caller on the line data and call go together, else the work order is pushed; as it is to an agency
    that the city's data gives no telephone."""
    lead = next((one.agency for one in targets if one.role == Role.LEAD), "")
    on_line = has_voice(case) and now() - case.opened_at < length(city.calls.on_line)
    return Mode.CALL if on_line and (not city.lines or city.numbers(lead)) else Mode.PUSH
