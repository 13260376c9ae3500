"""What agencies, categories, channels and so on are called, for people: zh-CN from the city's data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from callmesh.cli import clients
from callmesh.cli.endpoints import Endpoints
from callmesh.cli.output import Failure
from callmesh.domain.guards import CASE_ZH

GROUPS_ZH = {1: "单位", 2: "类别", 3: "区县", 4: "渠道", 5: "级别", 6: "日", 7: "周", 8: "月"}
GROUPS_EN = {1: "agency", 2: "category", 3: "district", 4: "channel", 5: "level", 6: "day", 7: "week", 8: "month"}
_CHANNELS = {
    "phone": "电话",
    "video": "视频",
    "sms": "短信",
    "app": "应用",
    "web": "网站",
    "kiosk": "自助终端",
    "photo": "随手拍",
    "partner": "单位推送",
    "sensor": "感知设备",
}
_KINDS = {"cases_by_agency": 1, "agency_ranking": 1, "cases_by_category": 2, "cases_by_channel": 4, "cases_by_level": 5}


@dataclass(frozen=True, slots=True)
class Names:
    """Chinese names by id; an unknown id stands for itself."""

    agencies: Mapping[str, str] = field(default_factory=dict)
    categories: Mapping[str, str] = field(default_factory=dict)
    divisions: Mapping[str, str] = field(default_factory=dict)
    channels: Mapping[str, str] = field(default_factory=lambda: _CHANNELS)

    def group(self, by: int, key: str) -> str:
        """A group's key with its name."""
        known = {1: self.agencies, 2: self.categories, 3: self.divisions, 4: self.channels}.get(by, {})
        if not key:
            return "(无)"
        return f"{known[key]} {key}" if key in known else (key.upper() if by == 5 else key)

    def key(self, figure: str, key: str) -> str:
        """What stands behind a figure's name; "" for the whole."""
        if figure in _KINDS:
            return self.group(_KINDS[figure], key)
        if figure == "cases_by_state":
            return _state(key)
        return "" if figure.startswith(("closure_time", "closed_within", "arrival_within", "limits_missed")) else key


def _state(key: str) -> str:
    known = {state.value: zh for state, zh in CASE_ZH.items()}
    return f"{known[key]} {key}" if key in known else key


async def of(where: Endpoints) -> Names:
    """Names of the city in force; none when NATS or the city's data is away."""
    try:
        city = await clients.city_in_force(where)
    except Failure:
        return Names()
    return Names(
        {one.id: one.name for one in city.agencies},
        {one.id: one.zh for one in city.categories},
        {one.code: one.name for one in city.divisions},
    )
