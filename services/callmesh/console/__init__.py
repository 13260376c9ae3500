"""Console (工作台): the web desk of operators, small agencies, supervisors and commanders.

An ordinary gRPC client of the mesh: every act is an RPC as the signed-in person's agency, and the services decide
whether it may be (domain/access.py). It keeps nothing of a case; on disk are accounts, sessions and uploaded pictures.

Serves: pages (Starlette, Jinja2), plain ES modules, `/push` (server-sent events). Writes no facts.
Reads: the six services, the city in force (bucket `directory`), and one subscription of WatchCases as `ops`, which
names what changed and never what was said (push.py).

NATS or a service away: pages answer with a sentence that says what to do, and what was typed stays in the browser's
own store until it was sent (static/draft.js); a request keeps its request_id, so sending again writes nothing twice.
The console away: browsers keep what is typed, reconnect, and resume the push where it broke. A restart keeps sessions.
"""
