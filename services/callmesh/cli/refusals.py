"""What the mesh refused, for people: why and what to do, in Chinese and then in English."""

from __future__ import annotations

import json
from typing import Any

import click
import grpc
from google.rpc import error_details_pb2

from callmesh.cli import clients
from callmesh.cli.output import Failure
from callmesh.kernel.rpc import client

_AWAY = {grpc.StatusCode.UNAVAILABLE: "服务暂时连接不上", grpc.StatusCode.DEADLINE_EXCEEDED: "服务未及时应答"}


class Refused(Failure):
    """What the mesh said no to, in two languages or as one JSON object."""

    def __init__(self, error: grpc.aio.AioRpcError, as_json: bool = False) -> None:
        super().__init__(json.dumps(told(error), ensure_ascii=False) if as_json else sentences(error))
        self._bare = as_json

    def show(self, file: Any = None) -> None:
        """On standard error."""
        click.echo(self.message, err=True) if self._bare else super().show(file)


def sentences(error: grpc.aio.AioRpcError) -> str:
    """Why, and what to do, in Chinese and then in English."""
    found = told(error)
    named = [f"{name}: {reason}" for name, reason in found["fields"].items()]
    fields = [f"  {one}" for one in named if one != found["en"]]
    etag = [f"  etag: {found['etag']}"] if found["etag"] else []
    return "\n".join([f"{found['zh']} ({found['reason']})", found["en"], *fields, *etag, *_instead(found["allowed"])])


def _instead(allowed: list[str]) -> list[str]:
    """What may be done, in the words of this command line: people type no RPCs."""
    from callmesh.cli.case_actions import ACTIONS

    moves = {one.partition(" ")[0] for one in allowed}
    names = [name for name, action in ACTIONS.items() if action.rpc in moves]
    return [f"  callmesh case: {', '.join(names)}"] if names else []


def told(error: grpc.aio.AioRpcError) -> dict[str, Any]:
    """Everything a refusal says: code, reason, zh, en, allowed, fields, etag."""
    status = client.status_details(error)
    info = client.detail(status, error_details_pb2.ErrorInfo)
    fields = client.detail(status, error_details_pb2.BadRequest)
    zh = client.sentence(error) if info else _AWAY.get(error.code(), "服务出错") + ", 请稍后重试"
    return {
        "code": error.code().name,
        "reason": client.reason_of(error),
        "zh": zh,
        "en": client.sentence(error, "en"),
        "allowed": [one for one in clients.allowed_instead(error).removeprefix("allowed: ").split(", ") if one],
        "fields": {one.field: one.description for one in fields.field_violations} if fields else {},
        "etag": info.metadata.get("etag", "") if info else "",
    }
