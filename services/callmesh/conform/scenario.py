"""A scenario: one rule of the partner's guide, and a play that shows whether a partner keeps it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import cleandoc

from callmesh.conform.stage import Stage

GUIDE = "protos/README.md"
Play = Callable[[Stage], Awaitable[None]]


@dataclass(frozen=True)
class Scenario:
    """`name` selects it, `zh` is its title for people, `section` the heading of the guide that the rule stands under.

    The play's docstring says what is checked: the first line as a title, the rest as what the kit does.
    """

    name: str
    zh: str
    section: str
    play: Play

    @property
    def title(self) -> str:
        """One sentence in English."""
        return cleandoc(self.play.__doc__ or "").partition("\n")[0]

    @property
    def checks(self) -> str:
        """What the kit does, in English; the title when there is no more to say."""
        return " ".join(cleandoc(self.play.__doc__ or "").partition("\n")[2].split()) or self.title

    @property
    def source(self) -> str:
        """Where the rule stands."""
        return f"{GUIDE}, {self.section}"


def scenario(name: str, zh: str, section: str) -> Callable[[Play], Scenario]:
    """Makes a play a scenario."""
    return lambda play: Scenario(name, zh, section, play)
