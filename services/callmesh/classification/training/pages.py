"""The report as one HTML page: tables and plots in inline SVG; nothing is loaded from anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

Report = dict[str, Any]
_SIDE, _EDGE = 320, 40
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --ink: #2563eb; --soft: #f59e0b }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; margin: 1rem 0 }
td, th { padding: .2rem .7rem; border-bottom: 1px solid var(--line) }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
svg { margin: 1rem 1.5rem 1rem 0 }
.cards { display: flex; flex-wrap: wrap; gap: 1rem }
.card { border: 1px solid var(--line); border-radius: .5rem; padding: .5rem 1rem }
.card b { display: block; font-size: 1.6rem }
.axis { stroke: currentColor; stroke-opacity: .4 }
text { fill: currentColor; font-size: 11px }
"""


def as_page(report: Report) -> str:
    """A whole document in UTF-8."""
    title = f"{report['kind']} · {report['model']['version']}"
    body = "\n".join([*_summary(report), *_cleaning(report["cleaning"]), *_parts(report), *_tried(report)])
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    page = f"<head>{head}</head><body><h1>{escape(title)}</h1>\n{body}\n</body>"
    return f'<!doctype html>\n<html lang="zh-CN">{page}</html>\n'


def _summary(report: Report) -> Iterator[str]:
    source = report["source"]
    yield f"<p>{escape(str(source.get('file', '')))} · {escape(str(source.get('encoding', '')))}"
    model = report["model"]
    yield f" · {report['cleaning']['used']} texts · {model['labels']} labels · {model['bytes']} bytes"
    yield f"{' · ' + escape(report['recipe']) if 'recipe' in report else ''}</p>"
    unknown = report.get("unknown_labels", {})
    if unknown:
        rows = [[label, str(count)] for label, count in unknown.items()]
        yield "<h2>Labels unknown to the model (模型未知的类别)</h2>" + _table(["label", "#texts"], rows)


def _cleaning(told: Report) -> Iterator[str]:
    yield "<h2>What was done to the rows (数据清理)</h2>"
    rows = [["rows read", str(told["rows"]), ""], ["used", str(told["used"]), ""]]
    rows.append(["left out", str(len(told["left_out"])), _lines([one["line"] for one in told["left_out"]])])
    for title, part in (("personal data", "redacted"), ("label leak", "leaks")):
        rows += [[f"{title}: {kind}", str(one["texts"]), _lines(one["lines"])] for kind, one in told[part].items()]
    for kind in ("exact", "near", "contradicting"):
        pairs = told[f"{kind}_duplicates"]
        rows.append([f"{kind} duplicates", str(len(pairs)), _lines([again for again, _ in pairs])])
    yield _table(["what", "#texts", "lines"], rows)


def _parts(report: Report) -> Iterator[str]:
    for part, title in (("held_out", "Held out (留出集)"), ("cross_validated", "Cross-validated (交叉验证)")):
        if part in report:
            told = report[part]
            yield f"<h2>{title if report['kind'] == 'training' else 'All texts (全部)'}: {told['texts']} texts</h2>"
            yield _cards(told)
            yield _reliability(told["bins"]) + _coverage(told["curve"])
            yield _heat(told["matrix"], [one["label"] for one in told["labels"]])
            yield _labels(told["labels"]) + _confused(told["confused"])


def _cards(told: Report) -> str:
    found = [
        ("accuracy", told["accuracy"]),
        ("macro-F1", told["macro_f1"]),
        ("top-3", told["top_3"]),
        ("ECE", told["ece"]),
    ]
    found += [(f"by themselves at {wanted:.0%}", share) for wanted, share, _ in told["coverage"]]
    found.append(("in conformal set", told["conformal"][0]))
    return (
        '<div class="cards">'
        + "".join(f'<div class="card"><b>{v:.3f}</b>{escape(k)}</div>' for k, v in found)
        + "</div>"
    )


def _reliability(bins: Sequence[Sequence[float]]) -> str:
    """Share right against probability; honest is the diagonal; the size of a dot is the number of texts."""
    most = max((count for count, _, _ in bins), default=1)
    dots = "".join(
        f'<circle cx="{_x(mean):.1f}" cy="{_y(share):.1f}" r="{3 + 7 * (count / most) ** 0.5:.1f}" '
        'fill="var(--ink)" fill-opacity=".7">'
        f"<title>{count} texts: {mean:.3f} said, {share:.3f} right</title></circle>"
        for count, mean, share in bins
    )
    line = f'<line x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}" class="axis" stroke-dasharray="4"/>'
    return _plot("share right against probability (可靠性)", line + dots)


def _coverage(curve: Sequence[Sequence[float]]) -> str:
    """Precision against the share of texts that goes by itself."""
    points = " ".join(f"{_x(share):.1f},{_y(precision):.1f}" for share, precision in curve)
    return _plot(
        "precision against share sent unattended (自动派单率)",
        f'<polyline points="{points}" fill="none" stroke="var(--ink)" stroke-width="2"/>',
    )


def _plot(title: str, inside: str) -> str:
    whole = _SIDE + 2 * _EDGE
    marks = "".join(
        f'<text x="{_x(at)}" y="{_y(0) + 16}" text-anchor="middle">{at:g}</text>'
        f'<text x="{_x(0) - 8}" y="{_y(at) + 4}" text-anchor="end">{at:g}</text>'
        for at in (0, 0.25, 0.5, 0.75, 1)
    )
    frame = f'<rect x="{_EDGE}" y="{_EDGE}" width="{_SIDE}" height="{_SIDE}" fill="none" class="axis"/>'
    name = f'<text x="{_EDGE}" y="{_EDGE - 14}">{escape(title)}</text>'
    size = f'width="{whole}" height="{whole}" role="img" aria-label="{escape(title)}"'
    return f"<svg {size}>{frame}{marks}{name}{inside}</svg>"


def _heat(matrix: Sequence[Sequence[int]], labels: Sequence[str]) -> str:
    """The confusion matrix; rows are true, columns are said; darker is more of the row."""
    cell = max(6, min(26, 700 // max(1, len(labels))))
    cells = []
    for row, counts in enumerate(matrix):
        total = sum(counts)
        for column, count in enumerate(counts):
            if count:
                said = f"{labels[row]} → {labels[column]}: {count}"
                colour = "var(--ink)" if row == column else "var(--soft)"
                cells.append(
                    f'<rect x="{column * cell}" y="{row * cell}" width="{cell}" height="{cell}" fill="{colour}" '
                    f'fill-opacity="{0.15 + 0.85 * count / total:.2f}"><title>{escape(said)}</title></rect>'
                )
    side = cell * len(labels)
    frame = f'<rect width="{side}" height="{side}" fill="none" class="axis"/>'
    drawn = f'<svg width="{side}" height="{side}">{frame}{"".join(cells)}</svg>'
    return f"<p>true label (行) against said label (列)</p>{drawn}"


def _labels(labels: Sequence[Report]) -> str:
    rows = [
        [one["label"], str(one["texts"]), f"{one['precision']:.3f}", f"{one['recall']:.3f}", f"{one['f1']:.3f}"]
        for one in labels
    ]
    return _table(["label", "#texts", "#precision", "#recall", "#F1"], rows)


def _confused(confused: Sequence[Sequence[Any]]) -> str:
    return _table(["true", "said", "#times"], [[true, said, str(times)] for true, said, times in confused])


def _tried(report: Report) -> Iterator[str]:
    if report.get("tried"):
        rows = [[one["recipe"], f"{one['accuracy']:.4f}", f"{one['macro_f1']:.4f}"] for one in report["tried"]]
        yield "<h2>Tried by cross-validation (候选方案)</h2>" + _table(["recipe", "#accuracy", "#macro-F1"], rows)


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    kinds = [' class="n"' if name.startswith("#") else "" for name in columns]
    head = "".join(f"<th{kind}>{escape(name.lstrip('#'))}</th>" for kind, name in zip(kinds, columns, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _lines(lines: Sequence[int]) -> str:
    return ", ".join(map(str, lines[:30])) + (" …" if len(lines) > 30 else "")


def _x(share: float) -> float:
    return _EDGE + share * _SIDE


def _y(share: float) -> float:
    return _EDGE + (1 - share) * _SIDE
