"""What the bench's child processes do: clients of the mesh, floors to compare with, and a trace sink.

Each is a class made with the bench's folder; its public coroutines take and give plain values. `start` comes
first. None of them is imported by the bench itself, only by `worker` in a child.
"""
