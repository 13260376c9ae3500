"""Between a partner and a gateway stub: every message that goes up or comes down can be seen and changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import grpc

from callmesh.api.v1.gateway_service_pb2 import ReceiveReferralsRequest as Up
from callmesh.api.v1.gateway_service_pb2 import ReceiveReferralsResponse as Down


class Wire:
    """Between a partner and a gateway stub; `call` is the stream that is open now."""

    def __init__(self, stub: Any) -> None:
        self._stub = stub
        self.call: Any = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stub, name)

    def ReceiveReferrals(self, **named: Any) -> Any:
        """Opens the stream, with this wire in it."""
        self.call = _Call(self._stub.ReceiveReferrals(**named), self)
        return self.call

    def up(self, message: Up) -> Iterable[Up]:
        """What is sent instead of a message."""
        return (message,)

    def down(self, message: Down) -> Down:
        """What is read instead of a message."""
        return message

    def broken(self) -> None:
        """The stream ended or broke."""


class _Call:
    """The call as the partner's stream uses it."""

    def __init__(self, call: Any, wire: Wire) -> None:
        self._call, self._wire, self._turn = call, wire, asyncio.Lock()

    async def read(self) -> Any:
        try:
            message = await self._call.read()
        except BaseException:
            self._wire.broken()
            raise
        if message is grpc.aio.EOF:
            self._wire.broken()
            return message
        return self._wire.down(message)

    async def write(self, message: Up) -> None:
        for one in self._wire.up(message):
            await self.send(one)

    async def send(self, message: Up) -> None:
        """As it is, after what is being written: a second write beside the first would end the call."""
        async with self._turn:
            await self._call.write(message)

    async def done_writing(self) -> None:
        await self._call.done_writing()

    def cancel(self) -> bool:
        return bool(self._call.cancel())
