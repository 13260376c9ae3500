"""The command line: `callmesh COMMAND`, and `LocalMesh`, the same mesh for tests, demo and bench.

main.py lists the commands and imports only the one that is called: six services start at once on two
cores, and every import is paid six times. A command stands in the module of its name as `command`.

What is shared: output.py (manual pages, errors, tables), endpoints.py (where the mesh is), monitor.py and
health.py (is it well), nats_server.py, child.py, keeper.py and mesh.py (running one here). A command
answers with exit status 0, 1 when it failed, or 2 when it was asked for something that makes no sense.
"""
