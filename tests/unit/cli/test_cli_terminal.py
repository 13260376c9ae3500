"""What a terminal is shown: callers' words do nothing there."""

from __future__ import annotations

import io

import pytest
from rich.table import Table
from rich.text import Text

from callmesh.cli import output, terminal

SAID = "\x1b[31m红\x1b]0;title\x07\x9b2J\u202e停水\u200b\ud800"
PLAIN = " [31m红 ]0;title  2J 停水  "


@pytest.mark.parametrize("kind", ["text", "table", "words"])
def test_words_are_shown_and_do_nothing(kind: str) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column(SAID)
    out = io.StringIO()
    made = terminal.console(file=out, width=80)
    made.print({"text": Text(SAID), "table": table, "words": SAID}[kind], markup=False)
    for part in ("[31m红 ]0;title", "2J 停水"):  # rich leaves a bell out altogether
        assert part in out.getvalue()
    assert all(one.isprintable() or one == "\n" for one in out.getvalue())


def test_what_we_draw_ourselves_keeps_its_colours() -> None:
    out = io.StringIO()
    terminal.console(file=out, width=80, force_terminal=True, color_system="standard").print(Text(SAID, style="red"))
    assert out.getvalue().startswith("\x1b[31m [31m红") and out.getvalue().count("\x1b") == 2


def test_a_refusal_is_plain_and_keeps_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    output.Failure(f"没有预案 {SAID}\nno such plan").show()
    assert capsys.readouterr().err == f"callmesh: 没有预案 {PLAIN}\nno such plan\n"


def test_ordinary_text_is_left_alone() -> None:
    assert output.plain("楼道里有烟, 2栋") == "楼道里有烟, 2栋"
