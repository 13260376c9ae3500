"""Lines of any length from any pipe, in bounded memory."""

from __future__ import annotations

import asyncio
import os
import threading
import tracemalloc
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from callmesh.cli import lines


@given(st.lists(st.binary(max_size=20).map(lambda one: one.replace(b"\n", b"-")), max_size=20), st.integers(1, 7))
def test_blocks_cut_anywhere_make_the_same_lines(parts: list[bytes], size: int) -> None:
    whole = b"\n".join(parts)
    splitter = lines.Splitter()
    blocks = [whole[start : start + size] for start in range(0, len(whole), size)]
    found = [line for block in blocks for line in splitter.feed(block)] + list(splitter.end())
    expected = parts[:-1] if parts and not parts[-1] else parts
    assert found == list(enumerate(expected, 1))


def test_a_line_without_end_is_skipped_and_the_next_one_found() -> None:
    splitter = lines.Splitter()
    block = b"x" * 65_536
    found = [line for _ in range(1000) for line in splitter.feed(block)]
    found += [*splitter.feed(b"\nnext\n"), *splitter.end()]
    assert found == [(1, lines.TOO_LONG), (2, b"next")]


async def test_a_pipe_is_read_as_it_comes() -> None:
    reading, writing = os.pipe()
    given = lines.read(reading)
    os.write(writing, b"one\ntw")
    assert await anext(given) == (1, b"one")
    os.write(writing, b"o\n")
    assert await anext(given) == (2, b"two")
    os.close(writing)
    assert [line async for line in given] == []
    os.close(reading)


async def test_an_endless_pipe_waits_for_its_reader() -> None:
    reading, writing = os.pipe()
    line = b"y" * 1000 + b"\n"
    written = 0

    def write() -> None:
        nonlocal written
        try:
            while True:
                written += os.write(writing, line * 60)
        except OSError:
            os.close(writing)

    threading.Thread(target=write, daemon=True).start()
    tracemalloc.start()
    taken = 0
    given = lines.read(reading)
    async for _ in given:
        taken += len(line)
        if taken > 20_000_000:
            break
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    await given.aclose()
    os.close(reading)
    assert peak < 3_000_000
    assert written - taken < 2_000_000


async def test_a_reader_may_leave_at_any_time() -> None:
    reading, writing = os.pipe()
    given = lines.read(reading)
    os.write(writing, b"one\ntwo\n")
    assert await anext(given) == (1, b"one")
    await given.aclose()
    os.close(writing)
    await asyncio.sleep(0)
    os.close(reading)


def test_lines_of_a_file_are_counted_and_of_a_pipe_not(tmp_path: Path) -> None:
    (tmp_path / "calls").write_bytes(b"a\nb\n")
    assert lines.count(tmp_path / "calls") == 2
    assert lines.count(Path("/dev/stdin")) is None or Path("/dev/stdin").is_file()
