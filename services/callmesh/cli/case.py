"""`callmesh case`: everything a person may do to a case, one command an action.

The commands are made of the rows of case_actions.py, so that a new RPC is a new row; case_calls.py carries them
out. Which case is meant may be said by id, name or number, which referral by its number or not at all.
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import click

from callmesh.cli.case_actions import ACTIONS, OPTIONS, Action, Kind, On
from callmesh.cli.output import EXITS, FINDING, BadInput, Manual, ManualGroup

ROLES = ("operator", "handler", "dispatcher", "reviewer", "follow_up", "supervisor", "commander")
_WHICH = """\
CASE      its id or name, a number it has in another system, or the number that called
REFERRAL  its number on the case, 1 is the first; without it the only one that can be meant"""
_WHO = """\
CALLMESH_OPERATOR    agency of who acts, instead of --operator
CALLMESH_ROLE        instead of --role
CALLMESH_PERSON      instead of --person
"""
_REFUSALS = """\
What the mesh refuses is told on standard error in Chinese and English: why, and what may be done instead. With
--json it is one JSON object: code, reason, zh, en, allowed, fields, etag. Nothing was written then."""
_UNKNOWN = """\
A code that the city's data does not have (category, channel, division, device, language, reason of a return) is
passed on, for the mesh does not refuse it; standard error tells which one, and what is closest to it."""
_EXAMPLES = """\
export CALLMESH_OPERATOR=12345
callmesh case open --text 家里停气了 --number 13900001111
callmesh case classify r1-0-5ZQ0V2R3A8E1C4D6F7G9HJKMNP --category gas_outage --reason 接警员核实
callmesh case transfer r1-0-5ZQ0V2R3A8E1C4D6F7G9HJKMNP --support property-mgmt
callmesh case accept 13900001111 --operator gas --handler g-7
callmesh case remind r1-0-5ZQ0V2R3A8E1C4D6F7G9HJKMNP 1 --reason 群众来电询问
callmesh case designate r1-0-5ZQ0V2R3A8E1C4D6F7G9HJKMNP --role commander --agency gas --reason 以职责清单为准"""


class _Actions(ManualGroup):
    """The actions of the table."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table, which is that of a case's life."""
        return list(ACTIONS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Made of its row."""
        action = ACTIONS.get(cmd_name)
        return _command(cmd_name, action) if action else None


@click.group(
    "case",
    cls=_Actions,
    sections={
        "Which": _WHICH,
        "Refusals": _REFUSALS,
        "Unknown codes": _UNKNOWN,
        "Environment": _WHO + FINDING,
        "Exit status": EXITS,
        "Examples": _EXAMPLES,
    },
)
def command() -> None:
    """Do something to a case, as a person at an agency: open, transfer, return, remind, follow up, close ...

    `callmesh case ACTION --help` tells an action's options. Where a case went is told by `callmesh trace`.
    """


def _command(name: str, action: Action) -> click.Command:
    def run(**given: Any) -> None:
        os.environ.setdefault("GRPC_VERBOSITY", "NONE")
        from callmesh.cli import case_calls

        _said_by(given)
        asyncio.run(case_calls.carry_out(action, given))

    return Manual(
        name,
        callback=run,
        params=[*_arguments(action.on), *map(_option, action.paths), *_common()],
        help=f"{action.zh}: {action.help}",
        short_help=f"{action.zh}. {action.help}",
        sections={"Environment": _WHO + FINDING, "Exit status": EXITS},
    )


def _said_by(given: dict[str, Any]) -> None:
    if not given["operator"]:
        raise BadInput("who acts? name the agency with --operator or CALLMESH_OPERATOR")


def _arguments(on: On) -> list[click.Parameter]:
    if on == On.NOTHING:
        return []
    which: list[click.Parameter] = [click.Argument(["which"], metavar="CASE")]
    if on == On.REFERRAL:
        which.append(click.Argument(["referral"], metavar="[REFERRAL]", type=click.IntRange(1), required=False))
    return which


def _option(name: str) -> click.Option:
    found = OPTIONS[name]
    shown: dict[str, Any] = {"help": found.help}
    if found.kind == Kind.EITHER:
        return click.Option([f"--{name}/--un{name}"], required=True, default=None, callback=_either, **shown)
    if found.choices:
        shown["type"] = click.Choice(found.choices)
    elif found.kind == Kind.COUNT:
        shown["type"] = click.IntRange(0)
    elif found.kind == Kind.TIME:
        forms = "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"
        shown |= {"type": click.DateTime([*forms, *(f"{one}%z" for one in forms)]), "metavar": "TIME"}
    elif found.kind == Kind.FLAG:
        shown["is_flag"] = True
    elif found.kind == Kind.LIST:
        shown["multiple"] = True
    return click.Option([f"--{name}"], **shown)


def _either(context: click.Context, option: click.Parameter, value: bool | None) -> bool:
    """What was said; nothing is not the second of the two."""
    if value is None:
        raise click.MissingParameter(ctx=context, param=option)
    return value


def _common() -> list[click.Parameter]:
    return [
        click.Option(["--operator"], envvar="CALLMESH_OPERATOR", metavar="AGENCY", help="Agency of who acts."),
        click.Option(
            ["--role"],
            envvar="CALLMESH_ROLE",
            type=click.Choice(ROLES),
            metavar="ROLE",
            default="operator",
            help=f"What they act as: {', '.join(ROLES)}.",
        ),
        click.Option(
            ["--person"], envvar="CALLMESH_PERSON", metavar="NUMBER", default="cli", help="Their staff number."
        ),
        click.Option(["--etag"], help="Only if the case has not changed since this one."),
        click.Option(["--request-id"], metavar="ID", help="The same again does nothing twice. [default: a fresh one]"),
        click.Option(["--json", "as_json"], is_flag=True, help="The answer as one JSON object."),
    ]
