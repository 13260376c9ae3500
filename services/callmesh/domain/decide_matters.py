"""Which decider answers which command about folding, repeats and the patrol."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from callmesh.domain import commands_matters as c
from callmesh.domain import decide_merge as merging
from callmesh.domain import decide_patrol as patrol
from callmesh.domain import decide_repeats as repeats
from callmesh.domain import facts as f
from callmesh.domain.case import Case

DECIDERS: dict[type, Callable[[Case, Any, f.Stamp], f.Body | None]] = {
    c.Merge: merging.merge,
    c.Unmerge: merging.unmerge,
    c.Join: merging.join,
    c.Leave: merging.leave,
    c.CloseChild: merging.close_child,
    c.LinkTo: repeats.link,
    c.OpenRepeat: repeats.open_repeat,
    c.AdvanceRepeat: repeats.advance,
    c.RecordMediation: repeats.mediate,
    c.RecordFinding: patrol.record,
    c.VisitPatrol: patrol.visit,
    c.RectifyFinding: patrol.rectify,
    c.VerifyFinding: patrol.verify,
}
