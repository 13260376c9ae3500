"""Tracking (跟踪): answers who has a case, since when, and what comes next. Reads only.

Serves callmesh.api.v1.TrackingService: GetCase, ListCases, ListCaseEvents, WatchCases, GetTimeline,
GetFigures. Writes no facts. Reads the whole log of its shards (CALLMESH_TRACKING_SHARDS, by default its own) with
the durable `tracking` and keeps one SQL read model of them (embedded SQLite; PostgreSQL by URL), one writing process
a model.

The model is derived and may be thrown away: it remembers the sequence of each shard up to which it is complete,
in the same transaction as its rows. At start the service reads what lies between those sequences and
the logs' ends, and only then serves; so a lost, restored, emptied or older-format database mends itself.
`rebuild` does the same by hand and tells a digest that equals the old model's.

NATS is down: reads from the model go on, changes come late; GetTimeline, cases not in the model and
resuming a watch across a gap answer UNAVAILABLE. The database is down: the projector waits for it and
acknowledges nothing; reads answer UNAVAILABLE. A message that cannot be digested is an alarm in the
log of the process, is parked by the consumer, and is in the model again after upgrade and rebuild.
"""
