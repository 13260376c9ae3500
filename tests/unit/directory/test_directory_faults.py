"""Every fault that the checks of a city can name has a sentence in zh-CN."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from callmesh.directory import faults
from callmesh.directory.faults import in_chinese

FOLDER = Path(faults.__file__).parent
DOMAIN = FOLDER.parent / "domain" / "hours.py"
NAMING = {"about": 1, "add": 2, "ValueError": 0}
"""Call -> which argument is the sentence."""


def sentences() -> Iterator[str]:
    """What the code says of faults, each hole filled with x."""
    for file in (*sorted(FOLDER.glob("*.py")), DOMAIN):
        tree = ast.parse(file.read_text())
        named = {
            node.targets[0].id: node.value
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "reason"
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                place = NAMING.get(called)
                if place is not None and len(node.args) > place:
                    told = node.args[place]
                    text = filled(named.get(getattr(told, "id", ""), told))
                    if text.strip("x"):
                        yield text


def filled(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(filled(one) if isinstance(one, ast.Constant) else "x" for one in node.values)
    if isinstance(node, ast.BinOp):
        return filled(node.left) + filled(node.right)
    return "x"


@pytest.mark.parametrize("english", sorted({one for one in sentences() if " " in one}))
def test_every_fault_is_told_in_chinese(english: str) -> None:
    """What another module says is a hole of its own: `hours: x`."""
    assert not in_chinese(english).removesuffix("此处有误: x").count("此处有误"), english


def test_a_fault_keeps_what_it_names() -> None:
    assert in_chinese('parent "nobody" is no agency') == "parent “nobody”不存在 (agency)"
    assert in_chinese('level: "p9" is not one of p0, p1') == "level: “p9”不在可用值之内: p0, p1"
    assert in_chinese("something new").startswith("此处有误: something new")
