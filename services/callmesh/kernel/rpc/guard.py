"""The port that a room which knows the table hangs in between the edge and a servicer (services/decisions/0010)."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from callmesh.domain.case import Actor
from callmesh.domain.errors import Overloaded


class Guard(Protocol):
    """What stands between the edge and a servicer; raises DomainError."""

    def admit(self, actor: Actor, method: str, request: Any) -> None:
        """May the actor call this now? `request` is None for a stream."""

    async def place(self, actor: Actor, request: Any) -> AbstractContextManager[None]:
        """A place for the time of a unary call, in its turn."""

    def stream(self, actor: Actor) -> AbstractContextManager[None]:
        """A place for the time of a stream, taken at once."""

    async def hold(self, actor: Actor) -> None:
        """Called before a refusal of too much goes out: may take a moment."""

    def shown(self, actor: Actor, method: str, reply: Any) -> Any:
        """As much of a unary reply as the actor may see."""


class Open(AbstractContextManager[None]):
    """The guard of a server that was given none: only the number of calls at once is bounded."""

    def __init__(self, places: int) -> None:
        self._left = places

    def admit(self, actor: Actor, method: str, request: Any) -> None:
        """Everybody."""

    async def place(self, actor: Actor, request: Any) -> AbstractContextManager[None]:
        """One of the places."""
        if self._left == 0:
            raise Overloaded("too many calls at once; try again", "系统繁忙, 请稍后重试")
        self._left -= 1
        return self

    def stream(self, actor: Actor) -> AbstractContextManager[None]:
        """As many as come."""
        return nullcontext()

    async def hold(self, actor: Actor) -> None:
        """No."""

    def shown(self, actor: Actor, method: str, reply: Any) -> Any:
        """All."""
        return reply

    def __exit__(self, *_: object) -> None:
        self._left += 1
