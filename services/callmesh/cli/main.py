"""The command `callmesh`: a list of commands, each in the module of its name, imported when called.

The list stands here with its one-line texts so that `callmesh --help` imports none of them. A command
whose module is not installed is not listed; one that lacks a library says which.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import click

from callmesh.cli.output import EXITS, FINDING, Failure, ManualGroup

COMMANDS = {
    "up": "Start a whole mesh on this machine.",
    "serve": "Run one service.",
    "play": "Play calls from a file into a running mesh.",
    "demo": "Play a day of a city's calls into a mesh of its own.",
    "case": "Do something to a case: open, transfer, return, remind, close ...",
    "stats": "Show counts and rates of a window, as a table, CSV or JSON.",
    "trace": "Show where a case went, how long, and which hop was slow.",
    "switch": "Play the telephone switch.",
    "directory": "Publish or show the city's data.",
    "classify": "Try, check and train the classifier.",
    "streams": "Make or show the streams of a region.",
    "erase": "Erase the personal data of a case, for good.",
    "audit": "Prove that the log is what it was.",
    "partner": "Play a partner, see who is connected, let one attach over NATS.",
    "ca": "Issue and revoke the certificates of services and agencies.",
    "conform": "Test a partner's side of the contract, by playing the mesh to it.",
    "doctor": "Check that everything is as it must be.",
    "bench": "Measure a mesh under load.",
}


class _Commands(ManualGroup):
    """The commands of COMMANDS whose module exists."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command; a certificate that is missing is the user's affair, whichever command met it."""
        try:
            return super().invoke(ctx)
        except Exception as wrong:
            tls = sys.modules.get("callmesh.kernel.rpc.tls")  # if it is not loaded, it was not that
            if tls is None or not isinstance(wrong, tls.BadCertificate):
                raise
            raise Failure(f"no certificate to call with: {wrong}; make one with callmesh ca issue") from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the list."""
        return [name for name in COMMANDS if _is_there(name)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Imports the command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        try:
            found = import_module(f"callmesh.cli.{cmd_name}").command
        except ModuleNotFoundError as missing:
            raise Failure(_lacks(cmd_name, missing)) from missing
        return found if isinstance(found, click.Command) else None

    def summaries(self, ctx: click.Context) -> Iterator[tuple[str, str]]:
        """From the list, without importing."""
        yield from ((name, COMMANDS[name]) for name in self.list_commands(ctx))


def _is_there(name: str) -> bool:
    found = find_spec(f"callmesh.cli.{name}")
    return found is not None and found.origin is not None


def _lacks(command: str, missing: ModuleNotFoundError) -> str:
    if (missing.name or "").startswith(("callmesh.api", "callmesh.facts")):
        return f"callmesh {command} needs the generated code; make it with: python services/generate.py"
    return f"callmesh {command} needs the Python module {missing.name}; install it and try again"


def version() -> str:
    """Of the installed distribution, or `development` when run from the source tree."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("callmesh")
    except PackageNotFoundError:
        return "development"


def _show_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        python = ".".join(map(str, sys.version_info[:3]))
        click.echo(f"callmesh {version()} (Python {python})")
        ctx.exit()


_EXAMPLES = """\
callmesh up                          a mesh on this machine
callmesh up --city deploy/city       the same, with a city in force
callmesh doctor                      is it well?
callmesh serve intake                one service, settings from the environment"""


@click.group("callmesh", cls=_Commands, sections={"Environment": FINDING, "Exit status": EXITS, "Examples": _EXAMPLES})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
def main() -> None:
    """Route calls between the public agencies of a city (一键转接): 12345, 110, 119, 120, water, power and so on.

    A case is opened once, goes to the right agency with one key, and is tracked until it is closed.
    `callmesh COMMAND --help` is the manual page of a command.
    """
