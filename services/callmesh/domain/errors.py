"""What can go wrong, as the domain says it. kernel/rpc turns each into a gRPC status, once.

Every error carries a sentence in English for logs and developers and one in zh-CN for the
operator, and says what to do.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class DomainError(Exception):
    """Base: `message` in English, `zh` for the operator."""

    message: str
    zh: str

    def __str__(self) -> str:
        return self.message


@dataclass(slots=True, eq=False)
class Invalid(DomainError):
    """A field of the request is missing or out of range. `violations` maps field to reason."""

    violations: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class NotFound(DomainError):
    """No such case or referral, or the asker may not know of it."""


@dataclass(slots=True, eq=False)
class WrongState(DomainError):
    """Not allowed now: `state` is where it stands, `allowed` what may be done instead."""

    state: str = ""
    allowed: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class NotDivertible(WrongState):
    """An emergency is not handed to an agency that is no emergency service."""


@dataclass(slots=True, eq=False)
class Changed(DomainError):
    """The etag is stale; `etag` is the fresh one."""

    etag: str = ""


@dataclass(slots=True, eq=False)
class NotYours(DomainError):
    """The referral belongs to another agency, or the role may not do this."""


@dataclass(slots=True, eq=False)
class Unauthenticated(DomainError):
    """The caller did not say who it is."""


@dataclass(slots=True, eq=False)
class Reused(DomainError):
    """The request id was used before with other content."""


@dataclass(slots=True, eq=False)
class NoDirectory(DomainError):
    """No city data is in force."""


@dataclass(slots=True, eq=False)
class Unreachable(DomainError):
    """The log cannot be reached; nothing was changed."""


@dataclass(slots=True, eq=False)
class Overloaded(DomainError):
    """Too much at once; try again `after` seconds (0: a little later)."""

    after: float = 0.0


def no_case() -> NotFound:
    """There is no such case."""
    return NotFound("no such case", "没有这个事件单, 请核对编号")


def elsewhere(case_id: str, ours: str) -> NotFound:
    """The case is another region's, and so in no log of this mesh."""
    theirs = case_id.partition("-")[0]
    zh = f"本平台只有 {ours} 区域的事件单, 该编号属于 {theirs} 区域, 请向该区域查询"
    return NotFound(f"this mesh has the cases of region {ours}; this one belongs to region {theirs}", zh)


def no_parent() -> NotFound:
    """There is no case to fold into."""
    return NotFound("no such parent case", "没有这个主单, 请核对编号")


def missing(name: str, zh: str) -> Invalid:
    """A required field is empty."""
    return Invalid(f"{name} is required", f"请填写{zh}", {name: "required"})


def need_text(text: str, name: str, zh: str) -> None:
    """A required text says something; space alone does not."""
    if not text.strip():
        raise missing(name, zh)
