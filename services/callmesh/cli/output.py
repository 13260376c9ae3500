"""What people read: manual pages, one-sentence errors, tables.

A help text is a manual page: what the command is for and does, options with defaults, then the sections
given to `Manual` word for word (environment, exit status, examples). An error is one sentence that says
what to do. rich is imported only when a table is drawn.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from textwrap import dedent
from typing import IO, TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

_SENTENCE = 200
_FEW = 16
Section = str | Callable[[], str]
STATES = {"ok": "green", "warn": "yellow", "FAIL": "bold red"}
EXITS = "0  done\n1  failed; the message says why\n2  wrong usage or wrong input"
FINDING = """\
CALLMESH_ENDPOINTS   file that says where the mesh is, as callmesh up writes it
CALLMESH_DATA_DIR    folder of the mesh; its endpoints.json is read (default .callmesh)
CALLMESH_NATS_URL    where NATS is, instead of what the file says
CALLMESH_IDENTITIES  folder of certificates to call with, as callmesh ca makes it, instead of the file's"""


class Failure(click.ClickException):
    """Something did not work; the message is one sentence that says what to do."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        """Prints the sentence on standard error."""
        click.echo(f"callmesh: {plain(self.message)}", file=file, err=file is None)


class BadInput(Failure):
    """What was given makes no sense."""

    exit_code = 2


class _Page:
    """Writes the sections of a manual page below the options."""

    sections: Mapping[str, Section]

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Every section as it stands, indented."""
        for title, text in self.sections.items():
            formatter.write_paragraph()
            formatter.write(f"{title}:\n")
            for line in dedent(text if isinstance(text, str) else text()).splitlines():
                formatter.write(f"  {line}".rstrip() + "\n")


class Manual(_Page, click.Command):
    """A command whose --help reads like a manual page."""

    def __init__(self, *args: Any, sections: Mapping[str, Section] | None = None, **more: Any) -> None:
        more["context_settings"] = settings(more.get("context_settings"))
        super().__init__(*args, **more)
        self.sections = sections or {}
        for one in self.params:
            if isinstance(one, click.Option) and one.default == "":
                one.show_default = False  # nothing is what it looks like


class ManualGroup(_Page, click.Group):
    """A group of commands whose --help reads like a manual page."""

    def __init__(self, *args: Any, sections: Mapping[str, Section] | None = None, **more: Any) -> None:
        more["context_settings"] = settings(more.get("context_settings"))
        super().__init__(*args, **more)
        self.sections = sections or {}

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Each with its whole sentence: click would cut it at 45 characters."""
        with formatter.section("Commands"):
            formatter.write_dl(list(self.summaries(ctx)))

    def summaries(self, ctx: click.Context) -> Iterator[tuple[str, str]]:
        """Names and what each does."""
        for name in self.list_commands(ctx):
            found = self.get_command(ctx, name)
            if found is not None:
                yield name, found.get_short_help_str(limit=_SENTENCE)


def settings(given: dict[str, Any] | None = None) -> dict[str, Any]:
    """What every page has in common."""
    return {"show_default": True, "max_content_width": 100, "help_option_names": ["-h", "--help"]} | (given or {})


def plain(text: str) -> str:
    """The text without what a terminal would obey: a space for each control or formatting character but line ends."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one == "\n" else " " for one in text)


def instead(value: str, known: Collection[str]) -> str:
    """The end of a sentence that says `value` is unknown: what is closest to it, or all where they are few."""
    from difflib import get_close_matches

    close = get_close_matches(value, known, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    return f"; known are {', '.join(known)}" if 0 < len(known) <= _FEW else ""


def console() -> Console:
    """Where tables go: standard output, plain when it is not a terminal."""
    from callmesh.cli import terminal

    return terminal.console(width=None if sys.stdout.isatty() else 200)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Draws a table; columns that begin with `>` are set to the right."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        drawn.add_column(name.lstrip(">"), justify="right" if name.startswith(">") else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell, style=STATES.get(cell, "")) for cell in row))
    console().print(drawn)


def json_line(value: Any) -> None:
    """One value as one line of JSON."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str))


def size(count: float) -> str:
    """Bytes for people."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"
