"""Cases that never were, from a seed: the same seed, the same ids, words and order.

Numbers and names are of kinds that nobody has; what is said is what people say to 12345 every day.
"""

from __future__ import annotations

from random import Random

from callmesh.api.v1 import case_pb2, common_pb2
from callmesh.api.v1 import gateway_service_pb2 as pb
from callmesh.api.v1.referral_pb2 import Referral
from callmesh.kernel.ids import case_id, now

_SAID = (
    ("water_outage", "家里停水两天了, 请来看看"),
    ("water_leak", "路口井盖往外冒水, 已经漫到人行道"),
    ("street_light", "小区门口路灯不亮, 晚上看不见"),
    ("noise", "工地半夜还在施工, 睡不着觉"),
    ("road_damage", "路面塌了一块, 电动车差点摔倒"),
)
_PLACES = ("测试路1号", "样例大街88号院", "演练小区3栋", "模拟广场东门")


class Invented:
    """Makes deliveries for one agency; each has an id of its own."""

    def __init__(self, seed: int, agency: str) -> None:
        self.seed, self.agency = seed, agency
        self.random = Random(seed)
        self._cases = self._deliveries = 0

    def begin(self, scenario: str) -> None:
        """Each scenario has dice of its own, so that it plays the same alone; ids go on."""
        self.random = Random(f"{self.seed}/{scenario}")

    def offer(self, number: int = 1, role: Referral.Role.ValueType = Referral.LEAD) -> pb.Delivery:
        """A new case with one referral to the agency."""
        self._cases += 1
        key = case_id("conform", 0, str(self.seed), str(self._cases))
        category, said = self.random.choice(_SAID)
        case = case_pb2.Case(name=f"cases/{key}", etag="1", state=case_pb2.Case.REFERRED, round=1, channel="phone")
        case.origin = case.owner = "12345"
        case.report.narrative = said
        case.report.caller.name = "测试来电人"
        case.report.caller.number = f"000-{self.random.randrange(10**8):08d}"
        case.report.place.text = self.random.choice(_PLACES)
        case.classification.category, case.classification.level = category, common_pb2.LEVEL_P2
        referral = Referral(name=f"{case.name}/referrals/{number}", agency=self.agency, role=role, sender="12345")
        referral.state, referral.round, referral.basis = Referral.OFFERED, 1, "一致性测试, 不是真实事件"
        referral.mode = common_pb2.MODE_PUSH
        referral.offered_at.FromDatetime(now())
        for due, hours in ((referral.accept_due, 1), (referral.feedback_due, 4), (referral.resolve_due, 48)):
            due.FromSeconds(referral.offered_at.seconds + hours * 3600)
        case.referrals.append(referral)
        return self._delivery(pb.Delivery.OFFERED, case)

    def news(
        self, of: pb.Delivery, kind: pb.Delivery.Kind.ValueType, state: Referral.State.ValueType | None = None
    ) -> pb.Delivery:
        """A later delivery about the same referral, with a higher etag; `state` is where the referral stands then."""
        made = self._delivery(kind, of.case)
        made.case.etag = str(int(of.case.etag) + 1 + self.random.randrange(3))
        if state is not None:
            made.referral.state = made.case.referrals[0].state = state
        return made

    def _delivery(self, kind: pb.Delivery.Kind.ValueType, case: case_pb2.Case) -> pb.Delivery:
        self._deliveries += 1
        made = pb.Delivery(delivery_id=str(self._deliveries), kind=kind, attempt=1)
        made.case.CopyFrom(case)
        made.referral.CopyFrom(case.referrals[0])
        made.sent_at.FromDatetime(now())
        return made
