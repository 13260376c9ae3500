"""The console as a process: uvicorn on one port, until SIGTERM. Open streams of the push end within two seconds."""

from __future__ import annotations

import os
import sys

from callmesh.cli.endpoints import CONSOLE_PORT
from callmesh.cli.output import BadInput, Failure
from callmesh.kernel.config import Settings

_GRACE_SECONDS = 2


def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT; BadInput for wrong settings, Failure when a library or the port is missing."""
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # structlog would load it: 0.1 s, 4 MB
    try:
        import uvicorn

        from callmesh.console.app import build
        from callmesh.console.settings import console_settings
    except ModuleNotFoundError as missing:
        raise Failure(f"the console needs {missing.name}; install it with: pip install 'callmesh[console]'") from None
    from callmesh.kernel import telemetry

    try:
        app = build(settings, console_settings())
    except ValueError as wrong:
        raise BadInput(str(wrong)) from None
    telemetry.start("console", settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port or CONSOLE_PORT,
        loop="uvloop",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    uvicorn.Server(config).run()
