"""The bench's desk, a process as in a run, in front of a server that is too busy at first."""

import grpc

from callmesh.api.v1.transfer_service_pb2 import TransferCaseRequest
from callmesh.cli.bench.hands import Hand


async def test_it_asks_again_with_the_same_request_id_until_it_is_answered(tmp_path):
    asked = []

    async def busy_at_first(data, context):
        asked.append(TransferCaseRequest.FromString(data).request_id)
        if len(asked) < 3:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "later")
        return b""

    server = grpc.aio.server()
    method = {"TransferCase": grpc.unary_unary_rpc_method_handler(busy_at_first)}
    server.add_registered_method_handlers("callmesh.api.v1.TransferService", method)
    addresses = {"transfer": f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"}
    await server.start()
    async with Hand("operator", tmp_path, addresses=addresses, origin="110") as desk:
        done = await desk.ask("transfers_at", names=["cases/r1-0-X"], rate=100.0)
    await server.stop(None)
    assert done["failed"] == {} and done["count"] == 1
    assert len(asked) == 3 and len(set(asked)) == 1
