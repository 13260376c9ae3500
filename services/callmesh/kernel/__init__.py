"""Technical base of every process: settings, telemetry, gRPC, NATS, retry, boot and drain.

It knows no case. What stands here once stands nowhere else: environment names (config), subject
names (subjects), header names (headers), stream settings (streams), status codes (rpc).
"""
