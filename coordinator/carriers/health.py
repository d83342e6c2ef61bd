"""The standard health service of gRPC, for load balancers and monitors.

Only its one-off question: a `Watch` would let strangers hold streams open without a login.
"""

import grpc
from grpc_health.v1 import health_pb2

from coordinator.carriers.stream import Context

_SERVING = health_pb2.HealthCheckResponse.SERVING


def health_handler(service: str) -> grpc.GenericRpcHandler:
    """Answer for the server as a whole and for one service; others are not known here."""

    async def check(raw: bytes, context: Context) -> bytes:
        asked = health_pb2.HealthCheckRequest.FromString(raw)
        if asked.service not in ("", service):
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return health_pb2.HealthCheckResponse(status=_SERVING).SerializeToString()

    return grpc.method_handlers_generic_handler(
        "grpc.health.v1.Health", {"Check": grpc.unary_unary_rpc_method_handler(check)}
    )
