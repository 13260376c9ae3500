"""A fault of a city folder in zh-CN. What finds it says it in English; here stands each sentence in both, with holes.

A sentence that nobody has put here yet, or that a parser made, is given as it is behind "此处有误".
"""

from __future__ import annotations

import re
from functools import cache

_SENTENCES = (
    ("no valid TOML: {why}", "TOML 格式有误: {why}"),
    ("no valid JSON: {why}", "JSON 格式有误: {why}"),
    ("no valid UTF-8", "不是 UTF-8 编码"),
    ("cannot be read: {why}", "无法读取: {why}"),
    ("expected a JSON object", "应为一个 JSON 对象"),
    ("type: expected a GeoJSON FeatureCollection", "type 应为 GeoJSON FeatureCollection"),
    ("feature {index}: properties are missing", "第 {index} 个要素缺少 properties"),
    ('"{key}" does not belong here, only {only}', "“{key}”不应出现在此, 只允许 {only}"),
    ("{name}: expected tables [[{table}]]", "{name} 应为表数组 [[{table}]]"),
    ("{name}: expected a table [{table}]", "{name} 应为表 [{table}]"),
    ("the header must be: {columns}", "表头应为: {columns}"),
    ("{found} columns, expected {wanted}", "有 {found} 列, 应为 {wanted} 列"),
    ("{key} is missing", "缺少 {key}"),
    ('{key} is missing: the check "{check}" needs it', "缺少 {key}: 检查项“{check}”需要它"),
    ('{key}: the check "{check}" does not take it', "检查项“{check}”不使用 {key}"),
    ("{key} is empty", "{key} 为空"),
    ('{key} is empty; "*" means any', "{key} 为空; “*”表示任意"),
    ("is empty", "为空"),
    ('unknown key "{key}" (known: {known})', "未知字段“{key}” (可用: {known})"),
    ("no feature without parent: the city itself is missing", "没有无上级的区划: 缺少城市本身"),
    ('"{code}" has no parent, but the city is "{city}"', "“{code}”没有上级, 而城市是“{city}”"),
    ('the city "{code}" must be the first feature', "城市“{code}”应为第一个要素"),
    ('"{code}" overlaps "{other}"', "“{code}”与“{other}”重叠"),
    ('"{code}" is not inside its parent "{parent}"', "“{code}”不在上级“{parent}”之内"),
    ("longitude and latitude are not degrees", "经纬度不是度数"),
    ('({x}, {y}) is outside division "{code}"', "({x}, {y}) 不在区划“{code}”之内"),
    ('{key} "{used}" is no {what}', "{key} “{used}”不存在 ({what})"),
    ('{key} "{text}" is given twice, first in line {line}', "{key} “{text}”重复, 首次在第 {line} 行"),
    ("{day} is given twice", "{day} 重复"),
    ('id "{id}" has other signs than letters, digits, - and _', "编号“{id}”只能用字母、数字、- 和 _"),
    ('code "{code}" has other signs than letters, digits, - and _', "代码“{code}”只能用字母、数字、- 和 _"),
    ('code "{code}" has not 6, 9 or 12 digits', "区划代码“{code}”应为 6、9 或 12 位数字"),
    ("backup is the agency itself", "替补单位不能是自己"),
    ("parents form a circle: {circle}", "上级关系成环: {circle}"),
    ("window: longer than that of [linking]", "window 长于 [linking] 的窗口"),
    ("{key}: wall time only (s, m, h)", "{key} 只能用自然时间 (s, m, h)"),
    (
        "window: at most {hours}h ({days} days), longer is not remembered",
        "window 最长 {hours}h ({days} 天), 更早的不保留",
    ),
    ("count: 1 to {most}, more are not remembered", "count 应为 1 到 {most}, 更多的不保留"),
    ('kinds: "{kind}" is not among the kinds of [linking]', "kinds 中的“{kind}”不在 [linking] 的 kinds 里"),
    ("count: at least 2, one report is no surge", "count 至少为 2, 一次报告不算集中"),
    ('categories: "{category}" is an emergency, which no rule folds', "类别“{category}”属紧急, 不得按规则并单"),
    ('categories: name them, "*" does not fold', "categories 须逐一列出, “*”不能用于并单"),
    ("{key}: at least 1", "{key} 至少为 1"),
    ("[{table}] is missing", "缺少表 [{table}]"),
    ('"{text}" is not like "mon-fri 08:30-17:30" ({why})', "“{text}”不是 mon-fri 08:30-17:30 的写法 ({why})"),
    ('unknown day in "{text}"', "“{text}”中有无法识别的星期"),
    ('fallback_language "{language}" has no interpreter', "fallback_language “{language}”没有对应的翻译"),
    ('"{number}" cannot be dialled', "“{number}”不能拨号"),
    ("hours: times carry no zone", "hours 的时间不带时区"),
    (
        "hours: days and times run forwards; split what passes Sunday or midnight in two",
        "hours 的日期和时间须由前到后; 跨周日或跨午夜的请拆成两段",
    ),
    ('an entry agency must serve the whole city "{city}"', "统一入口单位须服务全市“{city}”"),
    ('roles: "{role}" is none of {known}', "岗位“{role}”不在可用岗位之内: {known}"),
    ("{key} has {found} lines, {other} has {wanted}", "{key} 有 {found} 行, 而 {other} 有 {wanted} 行, 应逐行对应"),
    ('plan "{id}" has {leads} leads, it needs exactly one', "预案“{id}”有 {leads} 个主办, 应恰好一个"),
    ("{key} is not 0 to 99", "{key} 应在 0 到 99 之间"),
    ("{key} is less than 0 or no number", "{key} 小于 0 或不是数字"),
    ("hotspot_threshold is less than 0; 0 raises no alert", "hotspot_threshold 小于 0; 0 表示不预警"),
    ("{key} is less than {least}", "{key} 小于 {least}"),
    ("closes is not after opens", "closes 应晚于 opens"),
    ("utc_offset_minutes is no zone on Earth", "utc_offset_minutes 不是有效时区"),
    ("{day} is a holiday and a make-up day", "{day} 既是节假日又是调休上班日"),
    ("{day} works anyhow: it is no weekend day and no holiday", "{day} 本来就上班: 不是周末也不是节假日"),
    ("all three weights are 0, so nothing can be scored", "三个权重都为 0, 无法评分"),
    ('{key} "{agency}" is not open 24h', "{key} “{agency}”不是 24 小时值守"),
    (
        'emergency is led by "{kind}", no emergency kind and nobody there 24h',
        "紧急类别由“{kind}”主办, 但它不是紧急类型, 也没有 24 小时值守的单位",
    ),
    ('base "{base}" is none of: {known}', "base “{base}”不在可用值之内: {known}"),
    ('"{value}" is no length of time like "30s", "1m", "2h" or "1wd"', "“{value}”不是时长 (如 30s、1m、2h、1wd)"),
    ('"{value}" is no time of day like "08:30"', "“{value}”不是时刻 (如 08:30)"),
    ('"{value}" is not one of {known}', "“{value}”不在可用值之内: {known}"),
    ('"{value}" is no number', "“{value}”不是数字"),
    ("expected a Polygon, a MultiPolygon or null", "应为 Polygon、MultiPolygon 或 null"),
    ("coordinates are not nested as a {sort} wants", "坐标的嵌套与 {sort} 不符"),
    ("a point is not longitude, latitude in degrees", "有一点不是经纬度 (经度在前, 纬度在后)"),
    ("polygon is not valid: {why}", "多边形无效: {why}"),
    ("a polygon must have one ring and no holes; cut it in two", "多边形须为单环无孔, 请拆成两个"),
    ("a ring needs at least four points, the last one like the first", "环至少四个点, 且首尾相同"),
    ("expected `{wanted}`, got `{found}`", "应为 {wanted}, 而不是 {found}"),
    ("expected {wanted}, got {found}", "应为 {wanted}, 而不是 {found}"),
)
_UNKNOWN = "此处有误: {}"
_FIELD = re.compile(r"([\w.-]+|\"[^\"]*\"): (.+)", re.DOTALL)  # a value that does not fit its field
_FEATURE = re.compile(r"(features\[\d+\]) \"([^\"]*)\": (.+)", re.DOTALL)  # of a map in one line


def in_chinese(reason: str) -> str:
    """The sentence of a fault in zh-CN."""
    feature = _FEATURE.fullmatch(reason)
    if feature:
        return f"{feature[1]}“{feature[2]}”: {in_chinese(feature[3])}"
    found, behind = _told(reason), _FIELD.fullmatch(reason)
    if found or behind is None:
        return found or _UNKNOWN.format(reason)
    return f"{behind[1]}: {_told(behind[2]) or _UNKNOWN.format(behind[2])}"


def _told(reason: str) -> str:
    for pattern, chinese in _patterns():
        found = pattern.fullmatch(reason)
        if found:
            return chinese.format(**found.groupdict())
    return ""


@cache
def _patterns() -> tuple[tuple[re.Pattern[str], str], ...]:
    return tuple((_pattern(english), chinese) for english, chinese in _SENTENCES)


def _pattern(english: str) -> re.Pattern[str]:
    """The narrowest that fits: a hole in quotes ends with them, any other is short."""
    return re.compile(re.sub(r"\\{(\w+)\\}", r"(?P<\1>.*?)", re.escape(english)), re.DOTALL)
