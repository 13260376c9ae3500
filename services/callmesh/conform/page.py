"""A run as one HTML file that needs nothing else: Chinese first, what failed on top."""

from __future__ import annotations

from html import escape

from callmesh.conform.report import WORDS, summary
from callmesh.conform.run import Result, Run, Verdict

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --ok: #1a7f37; --bad: #c62828; --dim: #777; }
body { font: 15px/1.6 "Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", system-ui, sans-serif;
       max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: 1rem 0; }
dt { color: var(--dim); } dd { margin: 0; }
table { border-collapse: collapse; width: 100%; } th, td { text-align: left; padding: .35rem .6rem .35rem 0;
  border-bottom: 1px solid var(--line); vertical-align: top; } th { font-weight: 600; }
td:first-child { white-space: nowrap; }
td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.pass { color: var(--ok); } .fail { color: var(--bad); font-weight: 700; } .not-shown { color: var(--dim); }
small { color: var(--dim); display: block; } code, pre { font: 13px/1.5 ui-monospace, monospace; }
pre { overflow-x: auto; padding: .8rem; border: 1px solid var(--line); border-radius: .4rem; }
section { border-left: 4px solid var(--bad); padding-left: 1rem; margin: 1.5rem 0; }
@media print { section { break-inside: avoid; } }
"""


def page(run: Run) -> str:
    """The whole file."""
    failed = [one for one in run.results if one.verdict == Verdict.FAIL]
    verdict = "符合接入规范" if run.passed else "不符合接入规范"
    how = "mTLS" if run.secure else "明文 (仅开发环境)"
    facts = (
        ("时间 Time", f"{run.began:%Y-%m-%d %H:%M:%S} UTC"),
        ("地址 Target", run.target),
        ("机构 Agency", run.agency or "任意 any"),
        ("种子 Seed", str(run.seed)),
        ("传输 Transport", how),
        ("合计 Total", summary(run)),
    )
    told = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts)
    rows = "".join(_row(one) for one in run.results)
    problems = "".join(_problem(run, one) for one in failed)
    return f"""<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>接入一致性测试报告 {escape(run.agency)} {run.began:%Y-%m-%d}</title><style>{_STYLE}</style></head><body>
<h1>接入一致性测试报告 <span class="{"pass" if run.passed else "fail"}">{verdict}</span></h1>
<small>callmesh conform: conformance of a partner's side</small>
<dl>{told}</dl>
{"<h2>不通过的场景 Failed</h2>" if failed else ""}{problems}
<h2>全部场景 All scenarios</h2>
<table><thead><tr><th>结论</th><th>场景</th><th>依据</th><th>用时</th></tr></thead><tbody>{rows}</tbody></table>
</body></html>
"""


def _row(one: Result) -> str:
    scenario, word = one.scenario, WORDS[one.verdict]
    kind = one.verdict.value.replace(" ", "-")
    why = f"<small>{escape(one.why)}</small>" if one.verdict == Verdict.NOT_SHOWN else ""
    return (
        f'<tr><td class="{kind}">{word}</td><td>{escape(scenario.zh)} <code>{scenario.name}</code>'
        f"<small>{escape(scenario.title)}</small>{why}</td><td>{escape(scenario.source)}</td>"
        f'<td class="n">{one.seconds:.2f} s</td></tr>'
    )


def _problem(run: Run, one: Result) -> str:
    scenario = one.scenario
    wire = escape("\n".join(one.lines))
    return (
        f'<section id="{scenario.name}"><h3>{escape(scenario.zh)} <code>{scenario.name}</code></h3>'
        f'<p class="fail">{escape(one.why)}</p><p>{escape(scenario.checks)}</p>'
        f"<dl><dt>依据 Rule</dt><dd>{escape(scenario.source)}</dd>"
        f"<dt>重现 Again</dt><dd><code>{escape(run.reproduce(one))}</code></dd></dl>"
        f"<details open><summary>往来记录 On the wire (&lt;- partner, -&gt; mesh)</summary><pre>{wire}</pre></details>"
        "</section>"
    )
