"""Logs of a process of its own: one JSON object a line, keys of the allow-list only, no personal data."""

from __future__ import annotations

import json
import socket
import subprocess
import sys

import pytest

from callmesh.kernel.telemetry import ALLOWED_KEYS

PERSONAL = "13911112222"


def said(script: str, level: str = "debug", collector: str = "") -> list[dict[str, object]]:
    """What a process wrote to standard error."""
    start = (
        "from callmesh.kernel import telemetry\n"
        "from callmesh.kernel.config import Settings\n"
        f"telemetry.start('intake', Settings(log_level={level!r}, otlp_endpoint={collector!r}))\n"
        f"PERSONAL = {PERSONAL!r}\n"
    )
    done = subprocess.run([sys.executable, "-c", start + script], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == b""
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_line_has_only_keys_of_the_allow_list() -> None:
    lines = said(
        "telemetry.log.info('said', case='c-1', narrative=PERSONAL, number=PERSONAL, caller={'n': PERSONAL}, count=3)\n"
        "telemetry.log.bind(caller=PERSONAL, agency='110').warning('bound')\n"
        "import structlog\n"
        "structlog.contextvars.bind_contextvars(number=PERSONAL)\n"
        "structlog.get_logger('elsewhere').error('elsewhere', exc_info=ValueError(PERSONAL), stack_info=True)\n"
    )
    assert [line["event"] for line in lines] == ["said", "bound", "elsewhere"]
    assert all(set(line) <= ALLOWED_KEYS for line in lines)
    assert {"event": "said", "case": "c-1", "count": 3, "service": "intake"}.items() <= lines[0].items()
    assert PERSONAL not in json.dumps(lines)


def test_lines_say_the_trace_they_belong_to() -> None:
    (inside, outside) = said(
        "from opentelemetry.trace import SpanKind\n"
        "with telemetry.Step('x', SpanKind.SERVER):\n"
        "    telemetry.log.info('inside', problem=telemetry.traceparent())\n"
        "telemetry.log.info('outside')\n"
    )
    assert str(inside["problem"]).split("-")[1:3] == [inside["trace_id"], inside["span_id"]]
    assert "trace_id" not in outside


@pytest.mark.parametrize(("level", "wanted"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1), ("what", 3)])
def test_the_level_counts(level: str, wanted: int) -> None:
    script = "for one in ('debug', 'info', 'warning', 'error'): getattr(telemetry.log, one)('x')\n"
    assert len(said(script, level)) == wanted


FAILING_CALL = """
import asyncio, grpc
from callmesh.domain.errors import Invalid
from callmesh.kernel.rpc.server import Server
PROBLEM = {problem}
async def serve(request, context):
    raise PROBLEM
async def main():
    server = Server()
    method = grpc.unary_unary_rpc_method_handler(serve, bytes, bytes)
    server.grpc.add_generic_rpc_handlers((grpc.method_handlers_generic_handler('x.Y', {{'Z': method}}),))
    port = await server.listen('127.0.0.1', 0)
    async with grpc.aio.insecure_channel(f'127.0.0.1:{{port}}') as channel:
        try:
            await channel.unary_unary('/x.Y/Z')(PERSONAL.encode(), metadata=(('callmesh-agency', '110'),))
        except grpc.aio.AioRpcError as wrong:
            telemetry.log.info('answered', code=wrong.code().name, error=wrong.details())
    await server.grpc.stop(0)
asyncio.run(main())
"""


@pytest.mark.parametrize(
    "problem",
    [
        "KeyError(PERSONAL)",
        "ValueError(f'cannot read {PERSONAL}')",
        "UnicodeEncodeError('utf-8', PERSONAL, 0, 1, 'surrogates not allowed')",
    ],
)
def test_a_defect_is_logged_without_what_the_caller_said(problem: str) -> None:
    lines = said(FAILING_CALL.format(problem=problem))
    failed, answered = lines
    assert (failed["event"], failed["level"], failed["method"]) == ("call failed", "error", "/x.Y/Z")
    assert problem.partition("(")[0] in str(failed["error"])
    assert answered["code"] == "INTERNAL"
    assert str(failed["trace_id"]) in str(answered["error"])
    assert PERSONAL not in json.dumps(lines)
    assert problem.partition("(")[0] not in str(answered["error"])


def test_a_refusal_is_not_logged() -> None:
    lines = said(FAILING_CALL.format(problem="Invalid('wrong', '有误', {'x': 'y'})"))
    assert [line["event"] for line in lines] == ["answered"]
    assert lines[0]["code"] == "INVALID_ARGUMENT"


def test_a_collector_that_hangs_holds_nobody_up() -> None:
    """It takes connections and never answers: no step waits for it, and the end comes before who stops us loses
    patience (15 s, deploy/README.md). 5,000 spans are more than the queue holds."""
    with socket.create_server(("127.0.0.1", 0)) as hung:
        (line,) = said(
            "from opentelemetry.trace import SpanKind\n"
            "begun = telemetry.clock()\n"
            "for _ in range(5000):\n"
            "    with telemetry.Step('x', SpanKind.SERVER):\n"
            "        telemetry.facts_total.add(1, {'fact': 'x'})\n"
            "telemetry.shutdown()\n"
            "telemetry.log.info('done', seconds=telemetry.clock() - begun)\n",
            collector=f"http://127.0.0.1:{hung.getsockname()[1]}",
        )
    assert float(str(line["seconds"])) < 15
