"""What a request of GetFigures asks: checked, and completed with what the city's data says."""

from __future__ import annotations

from datetime import datetime

from callmesh.api.v1 import tracking_service_pb2 as api
from callmesh.domain.directory import City, FigureRules
from callmesh.domain.errors import Invalid
from callmesh.tracking.filters import CaseFilter
from callmesh.tracking.periods import PERIODS, Zone
from callmesh.tracking.tallies import Question
from callmesh.tracking.words import micros_of, time_asked

MOST = 500
_GROUPS = 3
_FIGURES = 20_000  # more do not fit into a message
_UTC_OFFSET_MINUTES = 480  # of a mesh without city data: all of China keeps one time


def question(request: api.GetFiguresRequest, wanted: CaseFilter, city: City | None, now: datetime) -> Question:
    """Which rows, how grouped; raises Invalid."""
    rules = city.figures if city else FigureRules()
    zone = Zone(city.calendar.utc_offset_minutes if city else _UTC_OFFSET_MINUTES)
    start = time_asked(request.start_time) if request.HasField("start_time") else zone.today(now)
    end = time_asked(request.end_time) if request.HasField("end_time") else micros_of(now)
    if start > end:
        reason = {"start_time": "must not be after end_time"}
        raise Invalid("the window ends before it starts", "统计起始时间晚于结束时间, 请核对", reason)
    police = {one.id for one in city.categories if one.lead in rules.police_kinds} if city else set()
    groups = _groups(request)
    return Question(start, end, micros_of(now), groups, wanted, zone, frozenset(police))


def hotspots(request: api.GetFiguresRequest) -> int:
    """How many hotspots are wanted; raises Invalid."""
    if not 0 <= request.hotspots <= MOST:
        raise Invalid("hotspots is out of range", "热点数量超出范围", {"hotspots": f"0 to {MOST}"})
    return request.hotspots


def bounded(made: api.GetFiguresResponse) -> api.GetFiguresResponse:
    """The response, if it can be sent; raises Invalid."""
    if len(made.figures) > _FIGURES:
        text = f"{len(made.figures)} figures are too many for one answer; name `ids`, or ask for fewer groups"
        raise Invalid(text, "统计结果过多, 请指定指标或减少分组", {"group_by": f"at most {_FIGURES} figures"})
    return made


def _groups(request: api.GetFiguresRequest) -> tuple[int, ...]:
    groups, known = tuple(request.group_by), set(api.GetFiguresRequest.GroupBy.values())
    reason = ""
    if not all(one in known and one for one in groups):
        reason = "unknown value"
    elif len(groups) > _GROUPS or len(set(groups)) < len(groups):
        reason = f"at most {_GROUPS}, each once"
    elif sum(one in PERIODS for one in groups) > 1:
        reason = "only one of DAY, WEEK, MONTH"
    if reason:
        raise Invalid(f"group_by: {reason}", "统计分组不正确, 请核对", {"group_by": reason})
    return groups
