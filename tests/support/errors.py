"""One of every domain error."""

from __future__ import annotations

from callmesh.domain import errors as d

ZH = "出了问题, 请处理"
INVALID = d.Invalid("two fields are wrong", ZH, {"report.narrative": "required", "channel": "too long"})
WRONG_STATE = d.WrongState("not now", ZH, "closed", ("ReopenCase",))
NOT_DIVERTIBLE = d.NotDivertible("an emergency", ZH, "emergency", ("TransferCase",))
CHANGED = d.Changed("it changed", ZH, "42")
EXAMPLES: list[d.DomainError] = [
    INVALID,
    d.NotFound("no such case", ZH),
    WRONG_STATE,
    NOT_DIVERTIBLE,
    CHANGED,
    d.NotYours("not yours", ZH),
    d.Unauthenticated("who are you", ZH),
    d.Reused("used before", ZH),
    d.NoDirectory("no city", ZH),
    d.Unreachable("the log is away", ZH),
    d.Overloaded("too much", ZH),
]
