"""The pure core: what a case is, what may happen to it, and who should get it.

Standard library only. Nothing here reads a clock, a socket or a file: time, ids and the
city's data come in as values, facts and errors go out as values.
"""
