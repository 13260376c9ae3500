"""Who gets a case, on the demo city: catalogue, routes, place, direction, hours, plans, returns, emergencies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callmesh.domain import routing
from callmesh.domain.case import Actor
from callmesh.domain.commands import Target
from callmesh.domain.decide import decide
from callmesh.domain.directory import Agency
from callmesh.domain.errors import Invalid
from callmesh.domain.facts import CaseTransferred
from callmesh.domain.routing import Question
from callmesh.domain.words import ActorKind, EmergencyRule, Level, Role
from support.builders import classified, opened, speaks, stamp, told, transfer
from support.city import demo_city

BEIJING = timezone(timedelta(hours=8))
NOON = datetime(2026, 9, 1, 12, tzinfo=BEIJING)  # a Tuesday
NIGHT = datetime(2026, 9, 1, 23, tzinfo=BEIJING)
CITY = demo_city()
LEADS = [one for one in CITY.categories if one.lead != "-"]
DIVISIONS = ["", *CITY.division]


def ask(category: str, origin: str = "12345", division: str = "990101", **more: Any) -> Question:
    return Question(category, division, origin, more.pop("at", NOON), **more)


def operator(agency: str) -> Actor:
    return Actor(ActorKind.PERSON, agency, "p-1", "operator")


def chosen(category: str, *args: Any, **more: Any) -> list[tuple[str, str]]:
    return [(one.agency, one.role.value) for one in routing.choose(CITY, ask(category, *args, **more))]


class TestCatalogue:
    @pytest.mark.parametrize(
        ("category", "wanted"),
        [
            ("gas_outage", [("gas", "lead")]),
            ("theft_fraud", [("110", "lead")]),
            ("accident_injury", [("122", "lead"), ("120", "support")]),
            ("collapse_hazmat", [("119", "lead"), ("110", "support"), ("emergency-mgmt", "support")]),
            ("wage", [("labour", "lead"), ("streets", "support")]),
        ],
    )
    def test_kinds_become_agencies(self, category: str, wanted: list[tuple[str, str]]) -> None:
        assert chosen(category) == wanted

    def test_the_basis_says_how_in_chinese(self) -> None:
        (one,) = routing.choose(CITY, ask("gas_outage"))
        assert one.basis == "派单目录「停气」; 江城区 → 临江燃气抢修中心"

    def test_nobodys_category_leads_nowhere(self) -> None:
        assert routing.choose(CITY, ask("prank_abuse")) == ()

    def test_an_unknown_category_goes_to_the_hotline(self) -> None:
        assert chosen("no_such", origin="110") == [("12345", "lead")]

    def test_the_limits_are_the_categorys(self) -> None:
        assert routing.choose(CITY, ask("gas_outage"))[0].limits == CITY.profile["L2"]

    @pytest.mark.parametrize("category", CITY.categories, ids=lambda one: one.id)
    def test_every_row_leads_somewhere_from_every_front_door(self, category: Any) -> None:
        for origin in ("110", "12345", "119", "gas", "street-wangjiang", "unknown"):
            targets = routing.choose(CITY, ask(category.id, origin))
            assert bool(targets) == (category.lead != "-")
            if targets:
                assert [one.role for one in targets].count(Role.LEAD) == 1
                assert targets[0].role == Role.LEAD
                kept = category.lead in CITY.policy.emergency_kinds and origin in CITY.agency
                assert targets[0].agency != origin or (kept and CITY.agency[origin].kind == category.lead)


class TestDirection:
    @pytest.mark.parametrize(
        ("origin", "category", "lead"),
        [
            ("110", "policy", "12345"),
            ("12345", "theft_fraud", "110"),
            ("110", "gas_outage", "gas"),
            ("gas", "theft_fraud", "110"),
            ("110", "noise_social", "urban-mgmt-jiangcheng"),
            ("12345", "noise_social", "110"),
            ("12345", "move_car", "122"),
            ("110", "move_car", "12345"),
            ("gas", "gas_leak", "119"),
            ("119", "acute_illness", "120"),
        ],
    )
    def test_the_same_key_both_ways(self, origin: str, category: str, lead: str) -> None:
        assert chosen(category, origin)[0] == (lead, "lead")

    def test_who_asks_never_supports_itself(self) -> None:
        assert ("110", "support") not in chosen("gas_leak", "110")


class TestRoutes:
    def test_a_place_of_its_own_goes_before_everywhere(self) -> None:
        assert chosen("carcass", division="990101")[0][0] == "sanitation"
        assert chosen("carcass", division="990102")[0][0] != "sanitation"

    def test_a_place_below_counts_as_the_place(self) -> None:
        assert chosen("carcass", division="990101001001")[0][0] == "sanitation"

    def test_the_narrower_place_wins_then_the_named_origin(self) -> None:
        wide = replace(CITY.routes[0], category="waste", origin="*", division="*", lead="gas")
        by_origin = replace(wide, origin="hotline", lead="water")
        by_district = replace(wide, division="990101", lead="power")
        by_town = replace(wide, division="990101001", lead="telecom")
        both = replace(wide, origin="hotline", division="990101", lead="drainage")

        def lead(*routes: Any, division: str = "990101001") -> str:
            city = replace(CITY, routes=routes)
            return routing.choose(city, ask("waste", division=division))[0].agency

        assert lead(wide) == "gas"
        assert lead(wide, by_origin) == "water"
        assert lead(wide, by_origin, by_district) == "power"
        assert lead(wide, by_origin, by_district, both) == "drainage"
        assert lead(wide, by_origin, by_district, both, by_town) == "telecom"
        assert lead(wide, by_town, division="990102") == "gas"


class TestNode:
    def test_outsiders_enter_a_kind_by_its_front_door(self) -> None:
        assert chosen("theft_fraud", "12345", "990101001") == [("110", "lead")]

    @pytest.mark.parametrize(
        ("division", "node"),
        [
            ("990101001001", "police-wangjiang"),
            ("990101001", "police-wangjiang"),
            ("990101002", "police-jiangcheng"),
            ("990103100", "police-yuntai"),
        ],
    )
    def test_inside_a_kind_the_lowest_capable_node_has_it(self, division: str, node: str) -> None:
        assert chosen("theft_fraud", "110", division) == [(node, "lead")]

    def test_without_a_front_door_the_lowest_node_has_it_at_once(self) -> None:
        assert chosen("street_vending", division="990101001")[0][0] == "urban-mgmt-jiangcheng"
        assert chosen("street_vending", division="990102")[0][0] == "urban-mgmt"

    def test_an_unknown_place_counts_as_the_whole_city(self) -> None:
        assert chosen("street_vending", division="")[0][0] == "urban-mgmt"
        assert chosen("street_vending", division="110000")[0][0] == "urban-mgmt"

    @pytest.mark.parametrize("emergency", [False, True])
    def test_a_crime_whose_place_is_not_known_stays_with_the_police(self, emergency: bool) -> None:
        """Not with the fallback owner, whom the catalogue means for what nobody's duty is."""
        (one,) = routing.choose(CITY, ask("theft_fraud", "110", "", emergency=emergency))
        assert (one.agency, one.binding, one.emergency_service) == ("110", False, True)
        assert chosen("theft_fraud", "110", "990101")[0][0] == "police-jiangcheng", "a known place has its body"

    def test_nobody_fits_means_the_fallback_owner_who_keeps_it(self) -> None:
        (one,) = routing.choose(CITY, ask("gas_outage", origin="gas"))
        assert (one.agency, one.binding) == ("minsheng110", True)


class TestHours:
    def test_a_closed_office_is_replaced_by_its_backup(self) -> None:
        assert chosen("demolition", division="990101001") == [("street-wangjiang", "lead")]
        assert chosen("demolition", division="990101001", at=NIGHT) == [("streets", "lead")]

    def test_closed_on_a_holiday(self) -> None:
        holiday = datetime(2026, 10, 5, 12, tzinfo=BEIJING)
        assert chosen("demolition", division="990101001", at=holiday) == [("streets", "lead")]

    def test_a_closed_office_without_backup_gets_it_all_the_same(self) -> None:
        assert chosen("wage", at=NIGHT)[0][0] == "labour"

    def test_a_tried_backup_is_not_a_backup(self) -> None:
        tried = frozenset({"streets"})
        assert chosen("demolition", division="990101001", at=NIGHT, tried=tried)[0][0] == "street-wangjiang"


class TestEmergency:
    @pytest.mark.parametrize("category", CITY.categories, ids=lambda one: one.id)
    @pytest.mark.parametrize("origin", ["110", "12345", "119", "gas"])
    def test_whatever_it_is_called_an_emergency_service_leads(self, category: Any, origin: str) -> None:
        for at in (NOON, NIGHT):
            lead = routing.choose(CITY, ask(category.id, origin, at=at, emergency=True))[0]
            assert lead.emergency_service
            assert CITY.agency[lead.agency].kind in CITY.policy.emergency_kinds
            assert not lead.binding

    def test_it_runs_on_emergency_limits(self) -> None:
        lead = routing.choose(CITY, ask("gas_outage", emergency=True))[0]
        assert (lead.agency, lead.limits) == ("110", CITY.profile["L0"])

    def test_the_desk_passes_its_own_to_a_station(self) -> None:
        assert routing.choose(CITY, ask("gas_outage", "110", emergency=True))[0].agency == "police-jiangcheng"

    def test_an_unknown_category_too(self) -> None:
        assert chosen("no_such", "12345", emergency=True) == [("110", "lead")]

    def test_medical_desks_stand_in_for_each_other(self) -> None:
        assert chosen("acute_illness", tried=frozenset({"120"}))[0][0] == "999"


class TestNaming:
    def test_a_named_agency_is_a_target_with_the_operators_words(self) -> None:
        one = routing.name_agency(CITY, ask("gas_outage"), "water", Role.SUPPORT, "接警员指定")
        assert (one.agency, one.role, one.emergency_service) == ("water", Role.SUPPORT, False)
        assert one.basis.startswith("接警员指定")
        assert routing.name_agency(CITY, ask("fire"), "119", Role.LEAD, "x").emergency_service

    def test_an_unknown_agency_is_refused_by_name(self) -> None:
        with pytest.raises(Invalid) as refused:
            routing.name_agency(CITY, ask("gas_outage"), "nobody", Role.LEAD, "x")
        assert refused.value.violations == {"agency": "unknown agency"}
        speaks(refused.value)
        with pytest.raises(Invalid) as refused:
            routing.name_agency(CITY, ask("gas_outage"), "nobody", Role.SUPPORT, "x")
        assert refused.value.violations == {"support": "unknown agency"}


class TestReassign:
    def reassign(self, category: str, *runners_up: str, other_node: bool = False, **more: Any) -> Target:
        return routing.reassign(CITY, ask(category, "110", **more), runners_up, other_node)

    def test_the_wrong_place_goes_to_another_node_of_the_kind(self) -> None:
        tried = frozenset({"urban-mgmt-jiangcheng"})
        assert self.reassign("street_vending", other_node=True, tried=tried).agency == "urban-mgmt"

    def test_else_the_next_candidate_category(self) -> None:
        assert self.reassign("gas_outage", "gas_outage", "", "water_outage").agency == "water"
        tried = frozenset({"gas", "water"})
        assert self.reassign("gas_outage", "water_outage", "power_outage", tried=tried).agency == "power"

    def test_else_the_hotline_else_the_fallback_owner(self) -> None:
        assert self.reassign("gas_outage", tried=frozenset({"gas"})).agency == "12345"
        last = self.reassign("gas_outage", tried=frozenset({"gas", "12345"}))
        assert (last.agency, last.binding) == ("minsheng110", True)

    def test_an_emergency_stays_among_emergency_services(self) -> None:
        tried = frozenset({"119"})
        one = routing.reassign(CITY, ask("fire", "12345", tried=tried, emergency=True), ["gas_outage", "trauma"], False)
        assert one.agency == "120"
        desk = routing.reassign(CITY, ask("fire", "12345", tried=tried, emergency=True), ["gas_outage"], False)
        assert desk.agency == "110"

    @given(
        st.sampled_from(LEADS).map(lambda one: one.id),
        st.sampled_from(["110", "12345", "gas", "119"]),
        st.sampled_from(DIVISIONS),
        st.lists(st.sampled_from(LEADS).map(lambda one: one.id), max_size=4),
        st.booleans(),
        st.sampled_from([NOON, NIGHT]),
    )
    def test_returns_end_in_a_bounded_number_of_hops(
        self, category: str, origin: str, division: str, runners_up: list[str], other_node: bool, at: datetime
    ) -> None:
        asked = ask(category, origin, division, at=at)
        holder = routing.choose(CITY, asked)[0]
        tried: frozenset[str] = frozenset()
        for _ in range(len(CITY.agencies)):
            if holder.binding:
                return
            tried |= {holder.agency}
            holder = routing.reassign(CITY, replace(asked, tried=tried), runners_up, other_node)
            assert holder.agency not in tried
        raise AssertionError(f"nobody keeps it: {tried}")


class TestPlans:
    @pytest.mark.parametrize("plan", CITY.plans, ids=lambda one: one.id)
    @pytest.mark.parametrize("origin", ["110", "12345", "119", "120", "122", "gas", "mediation"])
    def test_one_instruction_is_one_fact_that_stands(self, plan: Any, origin: str) -> None:
        for division in ("", "990101001", "990106200"):
            for at in (NOON, NIGHT):
                targets = routing.apply_plan(CITY, ask(plan.category, origin, division, at=at), plan)
                case = told(opened(origin=origin), classified(plan.category, Level.P0))
                fact = decide(case, transfer(*targets, plan=plan.id), stamp(operator(origin)))
                assert isinstance(fact, CaseTransferred)
                assert [one.task for one in fact.referrals] == [task.task for task in plan.tasks]
                assert len(fact.referrals) == len(plan.tasks)

    def test_a_kind_that_nobody_fills_is_an_error(self) -> None:
        plan = CITY.plan["gas-main"]
        without = replace(CITY, agencies=tuple(one for one in CITY.agencies if one.kind != "gas"))
        with pytest.raises(Invalid) as refused:
            routing.apply_plan(without, ask("gas_leak", "110"), plan)
        assert refused.value.violations == {"plan": "no agency of kind gas"}
        speaks(refused.value)


class TestLimits:
    def limits(self, agency: Callable[[Agency], Agency] = lambda one: one, **more: Any) -> str:
        city = replace(CITY, agencies=tuple(agency(one) if one.id == "gas" else one for one in CITY.agencies))
        return routing.choose(city, ask("gas_outage", **more))[0].limits.id

    def test_an_agencys_own_profile_goes_first(self) -> None:
        assert self.limits(lambda one: replace(one, profile="LQ")) == "LQ"

    def test_an_unknown_profile_means_the_general_one(self) -> None:
        rows = tuple(replace(one, profile="gone") if one.id == "gas_outage" else one for one in CITY.categories)
        assert routing.choose(replace(CITY, categories=rows), ask("gas_outage"))[0].limits.id == "L4"

    def test_what_is_always_an_emergency_has_limits_of_its_own(self) -> None:
        row = CITY.category["live_wire"]
        assert (row.emergency, row.profile) == (EmergencyRule.ALWAYS, "L1")
        assert routing.choose(CITY, ask("live_wire", emergency=True))[0].limits.id == "L1"

    def test_a_city_without_profiles_still_has_limits(self) -> None:
        assert routing.choose(replace(CITY, profiles=()), ask("gas_outage"))[0].limits.id == "default"


@given(
    st.sampled_from([*CITY.category, "unheard_of"]),
    st.sampled_from([*CITY.agency, "", "stranger"]),
    st.sampled_from([*DIVISIONS, "440000"]),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(lambda at: at.replace(tzinfo=BEIJING)),
    st.booleans(),
    st.frozensets(st.sampled_from(list(CITY.agency)), max_size=6),
)
def test_every_choice_can_be_carried_out(
    category: str, origin: str, division: str, at: datetime, emergency: bool, tried: frozenset[str]
) -> None:
    targets = routing.choose(CITY, Question(category, division, origin, at, emergency, tried))
    if not targets:
        assert CITY.category[category].lead == routing.NOBODY
        assert not emergency
        return
    agencies = [one.agency for one in targets]
    assert len(set(agencies)) == len(agencies)
    assert [one.role for one in targets] == [Role.LEAD] + [Role.SUPPORT] * (len(targets) - 1)
    assert all(one.basis and one.agency in CITY.agency for one in targets)
    case = told(opened(origin=origin, emergency=emergency), classified(category, Level.P2, emergency))
    assert isinstance(decide(case, transfer(*targets), stamp(operator(origin))), CaseTransferred)
