"""`callmesh serve NAME`: one service as one process.

Six of these start together on two cores, so only what the service needs is imported, and late.
"""

from __future__ import annotations

import gc
import os
import sys
from dataclasses import replace
from importlib import import_module

import click

from callmesh.cli.endpoints import CONSOLE, own_settings
from callmesh.cli.output import Failure, Manual
from callmesh.kernel.config import SERVICES, Settings, settings_help

PARENT = "CALLMESH_PARENT"
_EXITS = """\
0  ended as asked (SIGTERM or SIGINT), everything finished
1  could not listen, or failed
2  wrong usage or wrong settings"""
_EXAMPLES = """\
callmesh serve intake
CALLMESH_NATS_URL=nats://10.0.0.5:4222 callmesh serve tracking --port 9000"""


@click.command(
    "serve",
    cls=Manual,
    sections={"Environment": settings_help, "Exit status": _EXITS, "Examples": _EXAMPLES},
)
@click.argument("name", metavar="NAME", type=click.Choice((*SERVICES, CONSOLE)))
@click.option(
    "--port", type=click.IntRange(0, 65535), default=None, help="Port to listen on, instead of CALLMESH_PORT."
)
def command(name: str, port: int | None) -> None:
    """Run the service NAME: intake, classification, transfer, gateway, supervision or tracking; or the console.

    Listens at once and answers NOT_SERVING to gRPC health checks until NATS is reached, its streams are as
    they must be and writes are on disk before they are acknowledged; then SERVING. Services may start in
    any order; a missing NATS means not ready, never a crash. SIGTERM lets running calls finish. Logs are
    lines of JSON on standard error.
    """
    if PARENT in os.environ:
        from callmesh.cli.tether import tether

        tether(int(os.environ[PARENT]))
    settings = own_settings() if port is None else replace(own_settings(), port=port)
    if name == CONSOLE:
        from callmesh.cli import serve_console

        serve_console.run(settings)
    else:
        run(name, settings)


def run(name: str, settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT."""
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # structlog would load it: 0.1 s, 4 MB
    import uvloop

    from callmesh.kernel import telemetry

    telemetry.start(name, settings)
    from callmesh.kernel.rpc.tls import BadCertificate

    try:
        uvloop.run(_serve(name, settings))
    except BadCertificate as wrong:
        raise Failure(f"{name} cannot use its certificate: {wrong}; see CALLMESH_TLS_CERT, _KEY and _CA") from None
    except RuntimeError as wrong:
        if "bind" not in str(wrong):
            raise
        where = f"{settings.host}:{settings.port or 'its default port'}"
        raise Failure(f"{name} cannot listen on {where}; is it taken? choose another with --port") from None


async def _serve(name: str, settings: Settings) -> None:
    from callmesh.kernel.runtime import Runtime

    runtime = Runtime(name, settings)
    import_module(f"callmesh.{name}.app").build(runtime)
    collect_rarely()
    await runtime.run()


def collect_rarely() -> None:
    """What was imported and built stays: collecting it again and again is wasted."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
