"""The report of a training or an evaluation: one value, as JSON, as text and (pages.py) as a page.

It holds counts, lines and labels, never a text of a row; nothing in it depends on the time or the machine.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from callmesh.classification.training.cleaning import Account
from callmesh.classification.training.figures import Figures
from callmesh.classification.training.train import Result

Report = dict[str, Any]
_LINES, _LABELS = 12, 100


def of_training(result: Result, source: Mapping[str, Any]) -> Report:
    """`source`: file name, encoding, columns."""
    report: Report = {
        "kind": "training",
        "source": dict(source),
        "data": result.data_hash,
        "model": {
            "version": result.built.model.version,
            "labels": len(result.built.model.leaves),
            "bytes": len(result.built.body),
            "scores_emergencies": result.built.model.scores_emergencies,
        },
        "cleaning": of_account(result.account),
        "recipe": str(result.recipe),
        "tried": [
            {"recipe": str(one.recipe), "accuracy": round(one.accuracy, 4), "macro_f1": round(one.macro_f1, 4)}
            for one in result.tried
        ],
        "held_out": result.held.as_json(),
        "cross_validated": result.crossed.as_json(),
    }
    if result.agencies:
        report["agencies"] = {"accuracy": round(result.agencies[0], 4), "texts": result.agencies[1]}
    return report


def of_evaluation(
    figures: Figures, account: Account, source: Mapping[str, Any], model: Mapping[str, Any], unknown: Mapping[str, int]
) -> Report:
    """`unknown`: labels of the table that the model does not know, with their texts."""
    return {
        "kind": "evaluation",
        "source": dict(source),
        "model": dict(model),
        "cleaning": of_account(account),
        "unknown_labels": dict(sorted(unknown.items())),
        "held_out": figures.as_json(),
    }


def of_account(account: Account) -> Report:
    """What cleaning did."""
    return {
        "rows": account.rows + len([flaw for flaw in account.flaws if not flaw.reason.startswith("nothing is left")]),
        "used": account.used,
        "left_out": [
            {"line": one.line, "reason": one.reason} for one in sorted(account.flaws, key=lambda one: one.line)
        ],
        "redacted": {kind: _places(lines) for kind, lines in sorted(account.redacted.items())},
        "leaks": {kind: _places(lines) for kind, lines in sorted(account.leaks.lines.items())},
        "exact_duplicates": [list(pair) for pair in account.exact],
        "near_duplicates": [list(pair) for pair in account.near],
        "contradicting_duplicates": [list(pair) for pair in account.contradicting],
        "label_words_in_texts": {
            name: {"texts": texts, "with_this_label": same}
            for name, (texts, same) in sorted(account.label_words.items())
        },
    }


def as_json(report: Report) -> str:
    """Stable JSON."""
    return json.dumps(report, ensure_ascii=False, sort_keys=True, indent=1) + "\n"


def as_text(report: Report) -> str:
    """For a terminal and for a file beside the model."""
    return "\n".join([*_head(report), *_cleaning(report["cleaning"]), *_measured(report)]) + "\n"


def _places(lines: Sequence[int]) -> Report:
    return {"texts": len(lines), "lines": sorted(lines)}


def _head(report: Report) -> Iterator[str]:
    model = report["model"]
    yield f"{report['kind']} of {model['version']}: {model['labels']} labels, {model['bytes']} bytes"
    source = report["source"]
    yield f"source: {source.get('file', '')} ({source.get('encoding', '')})"
    if "recipe" in report:
        yield f"recipe: {report['recipe']}"
        for one in report["tried"]:
            yield f"  tried {one['recipe']}: accuracy {one['accuracy']:.3f}, macro-F1 {one['macro_f1']:.3f}"
    yield ""


def _cleaning(told: Report) -> Iterator[str]:
    yield f"rows: {told['rows']}, learned from or measured: {told['used']}"
    for reason in sorted({one["reason"] for one in told["left_out"]}):
        lines = [one["line"] for one in told["left_out"] if one["reason"] == reason]
        yield f"left out: {reason}: {len(lines)} rows, lines {_numbers(lines)}"
    for title, part in (("personal data taken out", "redacted"), ("label leaks taken out", "leaks")):
        for kind, found in told[part].items():
            yield f"{title}: {kind}: {found['texts']} texts, lines {_numbers(found['lines'])}"
    for title in ("exact", "near", "contradicting"):
        pairs = told[f"{title}_duplicates"]
        if pairs:
            yield f"{title} duplicates: {len(pairs)}, lines {_numbers([again for again, _ in pairs])}"
    for name, found in told["label_words_in_texts"].items():
        same = found["with_this_label"]
        yield f"label word left in texts: {name}: {found['texts']} texts, {same} of them with this label"
    yield ""


def _measured(report: Report) -> Iterator[str]:
    for label, count in report.get("unknown_labels", {}).items():
        yield f"label unknown to the model: {label}: {count} texts, counted as wrong"
    for part, title in (("held_out", "held out"), ("cross_validated", "cross-validated on all texts")):
        if part in report:
            yield from _figures(report[part], title if report["kind"] == "training" else "all texts")
    if "agencies" in report:
        yield f"right agency by the label's usual one: {report['agencies']['accuracy']:.3f}"


def _figures(told: Report, title: str) -> Iterator[str]:
    yield f"{title}: {told['texts']} texts"
    yield f"  accuracy {told['accuracy']:.4f}  macro-F1 {told['macro_f1']:.4f}  top-3 {told['top_3']:.4f}"
    yield f"  expected calibration error (ECE) {told['ece']:.4f}"
    for precision, share, least in told["coverage"]:
        yield f"  right in {precision:.0%}: {share:6.1%} of the texts may go by themselves (probability >= {least:.4f})"
    inside, size = told["conformal"]
    yield f"  conformal sets: {inside:.1%} hold the true label, {size:.2f} labels on average"
    yield f"  {'texts':>6} {'precision':>9} {'recall':>7} {'F1':>6}  label"
    for one in told["labels"][:_LABELS]:
        yield f"  {one['texts']:6} {one['precision']:9.3f} {one['recall']:7.3f} {one['f1']:6.3f}  {one['label']}"
    for true, said, times in told["confused"]:
        yield f"  {times:4} x {true} taken for {said}"
    yield ""


def _numbers(lines: Sequence[int]) -> str:
    shown = ", ".join(map(str, lines[:_LINES]))
    return shown if len(lines) <= _LINES else f"{shown} and {len(lines) - _LINES} more"
