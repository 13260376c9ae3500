"""The floor of a call: a server that answers TransferCase with a ready-made case and does nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc

from callmesh.api.v1 import case_pb2, transfer_service_pb2
from callmesh.api.v1.transfer_service_pb2_grpc import (
    TransferServiceServicer,
    add_TransferServiceServicer_to_server,
)
from callmesh.cli.bench.roles.bare import PINGS


class Echo(TransferServiceServicer):
    """Parses the request, serialises the reply; no interceptor, no span, no log."""

    def __init__(self, folder: Path) -> None:
        self._case = case_pb2.Case()

    async def start(self, case: str) -> dict[str, Any]:
        """Listens; `case` is the reply as hex."""
        self._case = case_pb2.Case.FromString(bytes.fromhex(case))
        self._server = grpc.aio.server(options=PINGS)
        add_TransferServiceServicer_to_server(self, self._server)
        port = self._server.add_insecure_port("127.0.0.1:0")
        await self._server.start()
        return {"address": f"127.0.0.1:{port}"}

    async def TransferCase(self, request: transfer_service_pb2.TransferCaseRequest, context: Any) -> case_pb2.Case:
        """The same case for everybody."""
        return self._case
