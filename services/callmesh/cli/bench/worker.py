"""The child's side: a process with one role, told what to do by lines of JSON on its standard input.

    python -P -m callmesh.cli.bench.worker ROLE FOLDER
    -> {"do": "start", "with": {...}}
    <- {"ok": {...}}                          or {"error": "..."}

A role is a class in roles/ whose public coroutines are what it can be told. One thing is done at a time, and
nothing but answers goes to standard output. The child ends when its input does, or when the bench dies.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import sys
import traceback
from pathlib import Path
from typing import IO, Any

from callmesh.cli.serve import PARENT

ROLES = {
    "echo": "callmesh.cli.bench.roles.echo:Echo",
    "sink": "callmesh.cli.bench.roles.sink:Sink",
    "intake": "callmesh.cli.bench.roles.bare:BareIntake",
    "gateway": "callmesh.cli.bench.roles.bare:BareGateway",
    "stream": "callmesh.cli.bench.roles.stream:Stream",
    "operator": "callmesh.cli.bench.roles.operator:Operator",
    "partner": "callmesh.cli.bench.roles.partner:Partner",
    "caller": "callmesh.cli.bench.roles.caller:Caller",
    "crowd": "callmesh.cli.bench.roles.crowd:Crowd",
    "log": "callmesh.cli.bench.roles.log:Log",
    "past": "callmesh.cli.bench.roles.past:Past",
    "model": "callmesh.cli.bench.roles.model:Model",
}
LINE_BYTES = 64 * 1024 * 1024


def load(role: str, folder: Path) -> Any:
    """The role, not started."""
    module, _, name = ROLES[role].partition(":")
    return getattr(importlib.import_module(module), name)(folder)


async def serve(role: Any, answers: IO[str]) -> None:
    """Does what the lines say until they end."""
    reader = asyncio.StreamReader(limit=LINE_BYTES)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async for line in reader:
        order = json.loads(line)
        answer = await _answer(role, order["do"], order["with"])
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


async def _answer(role: Any, do: str, given: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"ok": await getattr(role, do)(**given)}
    except Exception as wrong:
        traceback.print_exc()
        return {"error": f"{type(wrong).__name__}: {wrong}"[:500]}


def main() -> None:
    """Runs the role named on the command line."""
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    import uvloop

    from callmesh.cli.tether import tether

    tether(int(os.environ[PARENT]))
    role = load(sys.argv[1], Path(sys.argv[2]))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever prints to standard output must not come between the answers
    uvloop.run(serve(role, answers))
    os._exit(0)  # gRPC's own clean-up at the end wants the loop that is gone


if __name__ == "__main__":
    main()
