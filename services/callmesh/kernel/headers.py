"""Header names, here only: CloudEvents binary mode, W3C context, gRPC metadata."""

from __future__ import annotations

CE_VERSION = "ce-specversion"
CE_ID = "ce-id"
CE_TYPE = "ce-type"
CE_SOURCE = "ce-source"
CE_AGENCY = "ce-agency"
TRACEPARENT = "traceparent"
MSG_ID = "Nats-Msg-Id"
EXPECTED_SEQUENCE = "Nats-Expected-Last-Subject-Sequence"
BATCH_ID = "Nats-Batch-Id"
BATCH_SEQUENCE = "Nats-Batch-Sequence"
BATCH_COMMIT = "Nats-Batch-Commit"
SCHEDULE = "Nats-Schedule"
SCHEDULE_TARGET = "Nats-Schedule-Target"
SCHEDULE_TTL = "Nats-Schedule-TTL"
SUBJECT = "Nats-Subject"
SEQUENCE = "Nats-Sequence"
PENDING = "Nats-Pending-Messages"

# gRPC metadata that says who calls: person and role; the agency too, where certificates do not say it.
AGENCY = "callmesh-agency"
PERSON = "callmesh-person"
ROLE = "callmesh-role"
STATUS_DETAILS = "grpc-status-details-bin"

# Of an agency that attaches over NATS: the subject of the sealed item that it wants opened.
OPEN = "callmesh-open"
