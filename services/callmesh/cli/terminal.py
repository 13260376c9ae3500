"""What is drawn at a terminal. Callers' words and foreign codes stand in it, and a terminal obeys what it is shown:
so nothing that moves the cursor, colours, rings or turns the reading direction passes but what we draw ourselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook
from rich.segment import Segment

from callmesh.cli.output import plain


def console(**settings: Any) -> Console:
    """A console of rich's that shows text and does nothing it says."""
    made = Console(**{"highlight": False} | settings)
    made.push_render_hook(_Plainly())
    return made


class _Plainly(RenderHook):
    """Draws everything that is printed as before, in plain characters."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Called by rich for each print."""
        return [_Plain(one) for one in renderables]


class _Plain:
    """Something to draw whose text is plain; the styles are ours."""

    def __init__(self, drawn: ConsoleRenderable) -> None:
        self._drawn = drawn

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for one in console.render(self._drawn, options):
            yield one if one.control else Segment(plain(one.text), one.style)
