"""Personal data: asking to see more, the answer, what went out, what is masked in texts, and erasing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from callmesh.domain import commands as c
from callmesh.domain import facts as f
from callmesh.domain import facts_privacy as p
from callmesh.domain.case import Actor, Case
from callmesh.domain.errors import Invalid, NotFound, NotYours, WrongState
from callmesh.domain.release import FIELDS, IDENTITY, MASK, allowed_fields, released, shielded, view
from callmesh.domain.report import Caller, Place, Report
from callmesh.domain.words import ActorKind, CaseState, DisclosureState, ReferralState
from support.builders import GAS, HOTLINE, LATER, POLICE, WATER, given, name, offered, opened, progressed, told
from support.city import demo_city

CITY = demo_city()
BOSS = Actor(ActorKind.PERSON, "110", "p-9", "supervisor")
CALLER = Caller("13911112222", "李四", "张三丰", contact_number="13733334444")
STORY = "我是张三丰, 电话 139-1111 2222, 回拨13733334444"
ASKED = p.DisclosureRequested(name(), "gas", ("name", "number"), "上门核对")
GRANTED = p.DisclosureDecided(name(), "gas", True, ("name",), "同意")
DENIED = p.DisclosureDecided(name(), "gas", False, (), "不同意")


def report(**caller: Any) -> f.CaseOpened:
    return opened(
        report=Report(replace(CALLER, **caller), STORY, place=Place("望江路1号, 张三丰家")), caller_key="k" * 32
    )


def ask(*fields: str, reason: str = "上门核对", allowed: frozenset[str] = frozenset()) -> c.RequestDisclosure:
    return c.RequestDisclosure(name(), fields, reason, allowed)


def decided(granted: bool = True, *fields: str, reason: str = "同意") -> c.DecideDisclosure:
    return c.DecideDisclosure(name(), granted, reason, fields)


class TestAsking:
    def test_who_has_the_referral_asks_for_what_is_kept_back(self) -> None:
        wish = ask("name", "narrative", "number", "name", allowed=frozenset({"narrative"}))
        given(report(), offered()).when(wish, GAS).then(ASKED)

    def test_others_have_no_such_referral(self) -> None:
        given(report(), offered()).when(ask("name"), WATER).then_refused(NotFound)

    def test_what_is_seen_anyway_need_not_be_asked_for(self) -> None:
        given(report(), offered()).when(ask("name", allowed=frozenset({"name"})), GAS).then_refused(Invalid)

    @pytest.mark.parametrize("fields", [(), ("caller_key",), ("name", "password")])
    def test_unknown_fields(self, fields: tuple[str, ...]) -> None:
        given(report(), offered()).when(ask(*fields), GAS).then_refused(Invalid)

    def test_a_reason_is_wanted(self) -> None:
        given(report(), offered()).when(ask("name", reason=""), GAS).then_missing("reason")

    def test_one_request_at_a_time(self) -> None:
        given(report(), offered(), ASKED).when(ask("number"), GAS).then_refused(WrongState)
        given(report(), offered(), ASKED, DENIED).when(ask("name", "number"), GAS).then(ASKED)

    @pytest.mark.parametrize("shield", ["confidential", "silent"])
    def test_who_a_shielded_caller_is_cannot_be_asked_or_granted(self, shield: str) -> None:
        for field in IDENTITY:
            given(report(**{shield: True}), offered()).when(ask(field), GAS).then_refused(WrongState, state="shielded")
        asked = given(report(**{shield: True}), offered(), ASKED)
        asked.when(decided(), POLICE).then_refused(WrongState, state="shielded")
        asked.when(decided(False, reason="不同意"), POLICE).then(DENIED)


class TestAnswer:
    def test_by_who_sent_it_and_never_more_than_asked(self) -> None:
        asked = given(report(), offered(), ASKED)
        asked.when(decided(True, "name"), POLICE).then(GRANTED)
        asked.when(decided(), POLICE).then(replace(GRANTED, fields=("name", "number")))
        asked.when(decided(True, "name", "plates"), POLICE).then_refused(Invalid)
        asked.when(decided(), GAS).then_refused(NotYours)
        asked.when(decided(reason=""), POLICE).then_missing("reason")

    def test_nothing_asked_nothing_granted(self) -> None:
        given(report(), offered()).when(decided(), POLICE).then_refused(WrongState)
        given(report(), offered(), ASKED, GRANTED).when(decided(), POLICE).then_refused(WrongState)

    def test_what_was_granted_is_seen_while_the_agency_has_the_referral(self) -> None:
        before, after = told(report(), offered(), ASKED), told(report(), offered(), ASKED, GRANTED)
        assert view(before, "gas", CITY).report.caller.name == ""
        seen = view(after, "gas", CITY).report
        assert (seen.caller.name, seen.caller.number) == ("张三丰", "") and "张三丰" in seen.narrative
        assert after.referrals[0].disclosures[0].state == DisclosureState.GRANTED
        gone = replace(after, referrals=(replace(after.referrals[0], state=ReferralState.RETURNED),))
        assert "name" not in allowed_fields(gone, "gas", CITY)
        assert view(after, "water", CITY).report.caller.name == "", "it was granted to gas"


class TestRelease:
    def test_what_went_out_is_what_the_agency_sees(self) -> None:
        fields, purpose = released(told(report(), offered()), "gas", CITY)
        assert fields == ("contact_number", "narrative", "place") and purpose == "上门抢修和联系用户"

    def test_it_is_noted_once(self) -> None:
        wish = c.RecordRelease(name(), ("place", "narrative"), "抢修")
        given(report(), offered()).when(wish, GAS).then(p.DataReleased(name(), "gas", ("place", "narrative"), "抢修"))
        noted = p.DataReleased(name(), "gas", ("place",), "抢修")
        only = replace(noted, fields=("narrative",))
        given(report(), offered(), noted).when(wish, GAS).then(only)
        given(report(), offered(), noted, only).when(wish, GAS).then_nothing()


class TestMasking:
    def test_what_is_kept_back_is_masked_in_texts(self) -> None:
        seen = view(told(report(), offered()), "gas", CITY).report
        assert (
            seen.narrative == f"我是{MASK}, 电话 {MASK}, 回拨13733334444" and seen.place.text == f"望江路1号, {MASK}家"
        )

    def test_nothing_is_masked_for_who_may_see_it(self) -> None:
        assert view(told(report(), offered()), "110", CITY).report.narrative == STORY

    def test_also_in_what_others_wrote_and_for_who_answers_for_a_shielded_caller(self) -> None:
        case = told(report(confidential=True), offered(), replace(progressed(), text="已联系张三丰"))
        shown = shielded(case)
        assert shown.referrals[0].feedback[0].text == f"已联系{MASK}" and "张三丰" not in repr(shown)

    @pytest.mark.parametrize("caller", ["gas", "110", "cases", "", "张", "r1", "."])
    def test_names_like_codes_change_no_code(self, caller: str) -> None:
        case = told(report(name=caller, number=caller), offered())
        shown = view(case, "gas", CITY)
        assert (shown.name, shown.origin, shown.referrals[0].name) == (case.name, "110", name())
        assert shown.referrals[0].agency == "gas"


class TestErasing:
    def ended(self) -> Case:
        case = told(report(), offered(), ASKED, GRANTED, replace(progressed(), text="已联系张三丰"))
        return replace(case, state=CaseState.CLOSED, result="修好了", public_reply="请放心")

    def test_only_what_has_ended(self) -> None:
        refused = given(report(), offered()).when(c.Erase("保存期满"), BOSS)
        refused.then_refused(WrongState, state="referred", allowed=("CloseCase", "CancelCase"))
        given(self.ended()).when(c.Erase("保存期满"), BOSS).then(p.CaseErased("保存期满"))
        given(self.ended()).when(c.Erase(""), BOSS).then_missing("reason")

    def test_no_word_is_left_and_the_way_stands(self) -> None:
        erased = told_on(self.ended(), p.CaseErased("保存期满"))
        text = repr(erased)
        assert not [one for one in ("张三丰", "139", "望江路", "修好了", "核对", "k" * 32) if one in text]
        assert erased.erased_at == LATER and erased.referrals[0].agency == "gas"
        assert erased.referrals[0].feedback[0].arrived and erased.referrals[0].disclosures[0].fields == ("name",)

    def test_it_takes_no_more_words_from_people(self) -> None:
        erased = told_on(self.ended(), p.CaseErased("保存期满"))
        for command in (c.Amend("又来了"), c.Annotate("意见"), c.Cancel("撤销")):
            given(erased).when(command, HOTLINE).then_refused(WrongState, state="erased")
        given(erased).when(c.Erase("再删"), BOSS).then_nothing()


def told_on(case: Case, body: f.Body) -> Case:
    from callmesh.domain.evolve import evolve
    from support.builders import stamp

    return evolve(case, f.Fact(stamp(BOSS, LATER), body))


def test_a_field_that_identifies_is_a_field_that_can_be_released() -> None:
    assert set(FIELDS) >= IDENTITY
