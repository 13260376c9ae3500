"""What another agency may see of a case."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callmesh.domain.case import Case, FollowUp
from callmesh.domain.directory import ReleasePolicy
from callmesh.domain.release import FIELDS, allowed_fields, mask_for, view
from callmesh.domain.report import Attachment, Caller, Place, Point, Report, Supplement
from callmesh.domain.words import Role
from support.builders import NOW, classified, offered, opened, referral, told
from support.city import demo_city

CITY = demo_city()
CALLER = Caller("13911112222", "机主李四", "张三丰", "m", "13733334444", language="ug")
REPORT = Report(
    CALLER,
    "叙述内容",
    (Supplement("补充内容", NOW, "110"),),
    Place("望江路18号", Point(120.3, 30.2, "gps", 5.0), "灯杆A17"),
    (Attachment("s3://photo", "image/jpeg", 3),),
    ("浙A12345",),
)
CANARIES = {
    "number": CALLER.number,
    "name": CALLER.name,
    "contact_number": CALLER.contact_number,
    "language": "language='ug'",
    "narrative": "叙述内容",
    "supplements": "补充内容",
    "place": "望江路18号",
    "point": "120.3",
    "landmark": "灯杆A17",
    "attachments": "s3://photo",
    "plates": "浙A12345",
}


def case(category: str = "gas_outage", report: Report = REPORT) -> Case:
    helpers = (referral(), referral("water", 2, Role.SUPPORT, task="秘密任务"))
    made = told(opened(report=report, operator="p-7", caller_key="k" * 32), classified(category), offered(*helpers))
    return replace(made, follow_ups=(FollowUp(note="来电人说"),))


@pytest.mark.parametrize("agency", CITY.agency)
@pytest.mark.parametrize("category", ["gas_outage", "move_car", "police_conduct", "clue", "wage", "fire", ""])
def test_what_no_policy_releases_does_not_go_out(agency: str, category: str) -> None:
    allowed = allowed_fields(case(category), agency, CITY)
    shown = repr(view(case(category), agency, CITY))
    for field, canary in CANARIES.items():
        released = field in allowed
        assert (canary in shown) is released, field
    assert CALLER.subscriber not in shown
    assert "k" * 32 not in shown
    assert "p-7" not in shown
    assert "来电人说" not in shown


def test_the_first_matching_policy_counts() -> None:
    assert allowed_fields(case("move_car"), "122", CITY) == {"narrative", "place", "point", "landmark", "plates"}
    assert "number" in allowed_fields(case("fire"), "122", CITY)


def test_nobody_unknown_sees_anything() -> None:
    shown = view(case(), "stranger", replace(CITY, releases=(ReleasePolicy(("gas",), ("*",), FIELDS, "x"),)))
    assert shown.report == Report(Caller())
    assert allowed_fields(case(), "gas", replace(CITY, releases=())) == frozenset()


def test_other_agencies_referrals_are_left_out() -> None:
    shown = view(case(), "gas", CITY)
    assert [one.agency for one in shown.referrals] == ["gas"]
    assert "秘密任务" not in repr(shown)
    assert view(case(), "power", CITY).referrals == ()


@pytest.mark.parametrize("agency", ["110", "119", "12345", "gas", "labour"])
def test_a_confidential_caller_is_exposed_to_nobody(agency: str) -> None:
    secret = replace(REPORT, caller=replace(CALLER, confidential=True))
    shown = view(case(report=secret), agency, CITY)
    assert shown.report.caller == Caller(confidential=True, language="ug")


def test_what_is_not_personal_stays() -> None:
    whole, shown = case(), view(case(), "power", CITY)
    hidden = {"report", "referrals", "caller_key", "follow_ups", "operator"}
    for one in fields(Case):
        if one.name not in hidden:
            assert getattr(shown, one.name) == getattr(whole, one.name)
    assert shown.report.caller.consent == whole.report.caller.consent


@given(
    st.lists(
        st.builds(
            ReleasePolicy,
            st.lists(st.sampled_from(["gas", "water", "*", "police"]), max_size=2).map(tuple),
            st.lists(st.sampled_from(["gas_outage", "fire", "*"]), max_size=2).map(tuple),
            st.lists(st.sampled_from(FIELDS), max_size=12).map(tuple),
            st.just("x"),
        ),
        max_size=4,
    ),
    st.sampled_from(["gas", "water", "110", "stranger"]),
    st.booleans(),
)
def test_for_any_policy_only_released_fields_go_out(releases: list[Any], agency: str, confidential: bool) -> None:
    city = replace(CITY, releases=tuple(releases))
    secret = replace(REPORT, caller=replace(CALLER, confidential=confidential))
    shown, allowed = view(case(report=secret), agency, city), allowed_fields(case(), agency, city)
    text = repr(shown)
    for field, canary in CANARIES.items():
        if field not in allowed and field not in ("supplements", "language"):
            assert canary not in text
    if confidential:
        assert not {CALLER.number, CALLER.name, CALLER.contact_number} & set(text.split("'"))
    assert all(one.agency == agency for one in shown.referrals)


@given(st.lists(st.sampled_from(["", " ", "-", " - ", "\u3000", "\n"]), min_size=10, max_size=10), st.text(max_size=5))
def test_a_number_kept_back_is_masked_however_it_is_spaced(gaps: list[str], before: str) -> None:
    spoken = "".join(map("".join, zip(CALLER.number, [*gaps, ""], strict=True)))
    told_by_caller = replace(REPORT, narrative=f"{before}我是{CALLER.name}, 电话{spoken}, 请回电")
    mask = mask_for(case(report=told_by_caller), "stranger", CITY)
    assert mask(told_by_caller).narrative == f"{before}我是***, 电话***, 请回电"


def test_a_number_kept_back_is_masked_without_its_country_too() -> None:
    abroad = replace(REPORT, caller=replace(CALLER, number="+86 139 0000 0001"), narrative="请打13900000001")
    assert mask_for(case(report=abroad), "stranger", CITY)(abroad).narrative == "请打***"


def test_a_text_that_names_nobody_stays_the_very_same() -> None:
    whole = case(report=replace(REPORT, narrative="1391111与2222无关"))
    assert mask_for(whole, "stranger", CITY)(whole.report) is whole.report
