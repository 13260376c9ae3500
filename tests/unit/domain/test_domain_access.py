"""The table: who may do what to which case, and what each of them sees of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from callmesh.domain import access
from callmesh.domain.access import ABOVE, PARTIES, SEERS, TABLE, Relation
from callmesh.domain.case import Actor, Case
from callmesh.domain.directory import Agency, City
from callmesh.domain.errors import NotFound, NotYours
from callmesh.domain.report import Caller, Place, Report
from callmesh.domain.words import ActorKind, CaseState, ReferralState, Role
from support.builders import CASE, NOW, referral

R = Relation
SECRET = Report(Caller("13900000000", name="张三"), "厨房停气了", place=Place("望江路1号"))


def somebody(agency: str, role: str = "operator") -> Actor:
    return Actor(ActorKind.PERSON, agency, "p-1", role)


OPS = somebody("", "ops")


@pytest.fixture
def case() -> Case:
    """12345 opened it and sent it to 110, which leads and had gas help; water had led before and returned it."""
    return Case(
        name=CASE,
        state=CaseState.REFERRED,
        channel="phone",
        origin="12345",
        owner="110",
        opened_at=NOW,
        updated_at=NOW,
        report=SECRET,
        caller_key="k",
        operator="h-1",
        referrals=(
            referral("water", 1, state=ReferralState.RETURNED, sender="12345"),
            referral("110", 2, state=ReferralState.ACCEPTED, sender="12345"),
            referral("gas", 3, Role.SUPPORT, sender="110"),
        ),
    )


class TestRelations:
    @pytest.mark.parametrize(
        ("actor", "wanted"),
        [
            (somebody("12345"), {R.ORIGIN, R.SENDER}),
            (somebody("110"), {R.OWNER, R.LEAD, R.SENDER}),
            (somebody("gas"), {R.SUPPORT}),
            (somebody("water"), {R.FORMER}),
            (somebody("119"), set()),
            (somebody("119", "commander"), {R.COMMANDER}),
            (somebody("12345", "supervisor"), {R.ORIGIN, R.SENDER, R.SUPERVISOR}),
            (OPS, {R.OBSERVER}),
        ],
        ids=lambda one: getattr(one, "agency", ""),
    )
    def test_of(self, case: Case, actor: Actor, wanted: set[Relation]) -> None:
        assert access.relations(case, actor) == wanted

    def test_nobody_is_the_origin_of_a_case_without_one(self, case: Case) -> None:
        assert access.relations(replace(case, origin="", owner=""), OPS) == {R.OBSERVER}

    @pytest.mark.parametrize("state", list(ReferralState))
    def test_a_referral_that_was_taken_away_leaves_a_former_holder(self, case: Case, state: ReferralState) -> None:
        over = state in (ReferralState.RETURNED, ReferralState.RECALLED, ReferralState.WAIVED)
        held = replace(case, referrals=(referral("gas", 1, state=state),))
        assert access.relations(held, somebody("gas")) == ({R.FORMER} if over else {R.LEAD})


class TestMayDo:
    @pytest.mark.parametrize("method", sorted(name for name, rule in TABLE.items() if rule.relations))
    def test_a_stranger_is_told_there_is_no_such_case(self, case: Case, method: str) -> None:
        with pytest.raises(NotFound, match=r"^no such case$"):
            access.require_relation(method, case, somebody("119"))

    @pytest.mark.parametrize(
        ("agency", "method"),
        [
            ("gas", "CloseCase"),
            ("gas", "TransferCase"),
            ("gas", "CancelCase"),
            ("water", "AmendCase"),
            ("water", "RecallReferral"),
            ("12345", "AcceptReferral"),
        ],
    )
    def test_who_sees_it_but_may_not_is_told_so(self, case: Case, agency: str, method: str) -> None:
        with pytest.raises(NotYours):
            access.require_relation(method, case, somebody(agency))

    @pytest.mark.parametrize(
        ("agency", "method"),
        [
            ("12345", "CloseCase"),
            ("12345", "RecallReferral"),
            ("110", "TransferCase"),
            ("110", "AcceptReferral"),
            ("110", "WaiveReferral"),
            ("gas", "ReportProgress"),
            ("gas", "AmendCase"),
            ("water", "AcceptReferral"),
            ("water", "GetTimeline"),
        ],
    )
    def test_who_may(self, case: Case, agency: str, method: str) -> None:
        access.require_relation(method, case, somebody(agency))

    @pytest.mark.parametrize("method", sorted(TABLE))
    def test_ops_look_and_touch_nothing_but_the_citys_data(self, case: Case, method: str) -> None:
        looks = method.startswith(("Get", "List", "Watch"))
        if looks or method.endswith("City"):
            access.require_role(method, OPS, None)
        else:
            with pytest.raises(NotYours):
                access.require_role(method, OPS, None)

    def test_only_an_emergencys_transfer_is_open_to_all_who_see_it(self, case: Case) -> None:
        with pytest.raises(NotYours):
            access.require_relation("TransferCase", case, somebody("gas"))
        access.require_relation("TransferCase", replace(case, emergency=True), somebody("gas"))
        with pytest.raises(NotFound):
            access.require_relation("TransferCase", replace(case, emergency=True), somebody("119"))

    def test_an_adviser_adds_a_note_and_sees_nothing(self, case: Case, demo_city: City) -> None:
        adviser = somebody("legal-aid")
        access.require_relation("AnnotateCase", case, adviser, demo_city)
        for method in ("GetCase", "AmendCase"):
            with pytest.raises(NotFound):
                access.require_relation(method, case, adviser, demo_city)

    def test_of_two_cases_one_is_enough_to_fold_but_not_to_take_out(self, case: Case) -> None:
        other = replace(case, origin="gas", owner="gas", referrals=())
        access.require_of_both("MergeCase", case, other, somebody("gas"))
        with pytest.raises(NotYours):
            access.require_of_both("UnmergeCase", case, other, somebody("gas"))
        with pytest.raises(NotYours):
            access.require_of_both("MergeCase", case, case, somebody("gas"))

    def test_what_an_agency_may_not_see_is_not_there_to_fold_into(self, case: Case) -> None:
        """Not to who holds the other case, nor to who only sees it; and a stranger learns of neither."""
        foreign = replace(case, origin="119", owner="119", referrals=())
        for agency in (case.origin, "gas"):
            told = [self.told(case, one, agency) for one in (foreign, None)]
            assert told == ["no such parent case"] * 2
        assert [self.told(case, one, "power") for one in (foreign, None, case)] == ["no such case"] * 3
        assert self.told(case, foreign, "119") == "no such case", "its own case does not open the other"

    @staticmethod
    def told(case: Case, parent: Case | None, agency: str) -> str:
        with pytest.raises(NotFound) as found:
            access.require_of_both("MergeCase", case, parent, somebody(agency))
        return found.value.message

    def test_a_follow_up_agent_asks_everywhere_and_cancels_nowhere(self, case: Case) -> None:
        access.require_relation("RecordFollowUp", case, somebody("119", "follow_up"))
        with pytest.raises(NotYours):
            access.require_relation("CancelCase", case, somebody("119", "follow_up"))

    def test_who_supervises_counts_only_at_an_agency_with_a_part(self, case: Case) -> None:
        watched = replace(case, supervisor="p-1")
        access.require_relation("LiftSupervision", watched, somebody("gas"))
        with pytest.raises(NotFound):
            access.require_relation("LiftSupervision", watched, somebody("119"))

    def test_commanders_and_supervisors_see_every_case(self) -> None:
        assert ABOVE < SEERS
        assert all(ABOVE & rule.relations for rule in TABLE.values() if PARTIES & rule.relations == PARTIES)


def city(*roles: str) -> City:
    held = Agency("110", "110", "110", "police", (), roles=roles)
    return City("c", "c", "c", None, (), (held,), (), ())  # type: ignore[arg-type]


class TestRoles:
    @pytest.mark.parametrize("role", sorted(access.STAFF))
    def test_ordinary_ones_are_what_the_agency_says(self, role: str) -> None:
        access.require_role("GetCase", somebody("nobody", role), None)

    @pytest.mark.parametrize("role", sorted(access.PRIVILEGED))
    def test_others_only_where_the_city_gives_them(self, role: str) -> None:
        access.require_role("GetCase", somebody("110", role), city(role))
        for without in (None, city(), city("desk")):
            with pytest.raises(NotYours, match="does not give"):
                access.require_role("GetCase", somebody("110", role), without)
        with pytest.raises(NotYours):
            access.require_role("GetCase", somebody("water", role), city(role))

    @pytest.mark.parametrize("role", ["", "root", "Operator", "desk"])
    def test_nobody_else(self, role: str) -> None:
        with pytest.raises(NotYours):
            access.require_role("GetCase", somebody("110", role), city("desk"))

    def test_a_method_without_a_row_is_refused(self) -> None:
        with pytest.raises(NotYours, match="nobody may call DropEverything"):
            access.require_role("DropEverything", somebody("110"), city())


class TestSees:
    def test_the_origin_all_of_it(self, case: Case) -> None:
        assert access.seen(case, somebody("12345"), None) is case

    def test_the_owner_everybodys_part_and_of_the_report_what_its_policy_says(
        self, case: Case, demo_city: City
    ) -> None:
        shown = access.seen(case, somebody("110"), demo_city)
        assert (shown.report, len(shown.referrals)) == (SECRET, 3), "police has a row with every field"
        said = replace(case, owner="gas", result="已告知张三", annotations=())
        owned = access.seen(said, somebody("gas"), demo_city)
        assert [one.agency for one in owned.referrals] == ["water", "110", "gas"]
        assert (owned.report.caller.name, owned.report.caller.number) == ("", "")
        assert (owned.report.narrative, owned.result) == (SECRET.narrative, "已告知***")
        assert (owned.caller_key, owned.operator) == ("", "")
        assert access.sees_everybody(said, somebody("gas"))

    def test_the_owner_not_who_a_hidden_caller_is(self, case: Case, demo_city: City) -> None:
        hidden = replace(case, report=replace(SECRET, caller=replace(SECRET.caller, confidential=True)))
        for who in (somebody("110"), somebody("119", "supervisor")):
            shown = access.seen(hidden, who, demo_city).report
            assert (shown.caller.number, shown.caller.name, shown.narrative) == ("", "", SECRET.narrative)
        assert access.seen(hidden, somebody("12345"), None) is hidden

    def test_who_helps_what_its_policy_says(self, case: Case, demo_city: City) -> None:
        shown = access.seen(case, somebody("gas"), demo_city)
        assert [one.agency for one in shown.referrals] == ["gas"]
        assert (shown.caller_key, shown.operator) == ("", "")
        assert shown.report.caller.subscriber == ""

    def test_who_sent_it_on_sees_what_becomes_of_it(self, case: Case, demo_city: City) -> None:
        handed_on = replace(case, owner="gas")
        assert [one.agency for one in access.seen(handed_on, somebody("110"), demo_city).referrals] == ["110", "gas"]

    def test_who_had_it_no_report(self, case: Case, demo_city: City) -> None:
        shown = access.seen(case, somebody("water"), demo_city)
        assert (shown.report, [one.agency for one in shown.referrals]) == (Report(), ["water"])

    def test_without_a_city_nothing_personal_goes_out(self, case: Case) -> None:
        assert access.seen(case, somebody("gas"), None).report == Report()
        assert access.seen(case, somebody("110"), None).report == Report(), "the owner of record neither"

    def test_ops_the_way_and_no_report(self, case: Case) -> None:
        shown = access.seen(case, OPS, None)
        assert (shown.report, len(shown.referrals), shown.operator, shown.caller_key) == (Report(), 3, "", "")

    def test_a_stranger_nothing(self, case: Case, demo_city: City) -> None:
        with pytest.raises(NotFound):
            access.seen(case, somebody("119"), demo_city)
