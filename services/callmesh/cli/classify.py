"""`callmesh classify`: try, train and check the classifier (分类). Each subcommand is a module and one line below."""

from __future__ import annotations

import click

from callmesh.cli import (
    classify_check,
    classify_evaluate,
    classify_refit,
    classify_replay,
    classify_train,
    classify_try,
)
from callmesh.cli.output import EXITS, ManualGroup


@click.group("classify", cls=ManualGroup, sections={"Exit status": EXITS})
def classify() -> None:
    """Try, check and train the classifier (分类): verdict, level, category and agencies of a text.

    None of these commands needs a running mesh.
    """


command = classify

classify.add_command(classify_try.command)
classify.add_command(classify_check.command)
classify.add_command(classify_train.command)
classify.add_command(classify_evaluate.command)
classify.add_command(classify_replay.command)
classify.add_command(classify_refit.refit)
classify.add_command(classify_refit.promote)
