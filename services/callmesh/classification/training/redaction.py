"""Taking personal data out of texts before anything is learned from them.

A model and its report are copied, mailed and kept for years; numbers and names of callers may not be in them. What is
taken out is counted by kind, with the lines it stood in, and replaced by a neutral word, so that the sentence keeps its
shape. This finds what has a form: numbers, and names after a title or before one. What it may miss is kept out of the
vocabulary by the rule that an n-gram must occur in several different texts.
"""

from __future__ import annotations

import re
import unicodedata

_SURNAMES = (
    "王李张刘陈杨黄赵周吴徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹彭曾肖田董潘袁蔡蒋余于杜叶程魏苏吕丁任卢姚沈钟姜崔谭陆范汪廖"
    "石金韦贾夏付方邹熊白孟秦邱侯江尹薛闫段雷龙黎史陶贺毛郝顾龚邵万覃武钱戴严莫孔向常汤康易乔赖文欧阳"
)
_BEFORE_NAMES = (
    "(?:姓名|来电人|来话人|诉求人|反映人|投诉人|举报人|联系人|报警人|当事人|户主|署名|本人叫?|我叫|名叫|名字[叫是])"
)
_PROVINCES = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼临"
_NAME = rf"(?:欧阳|司马|上官|诸葛|[{_SURNAMES}])"
_DIGIT = "[0-9零〇一二三四五六七八九幺]"
_GAP = "[ .·-]?"

_KINDS: tuple[tuple[str, re.Pattern[str], str], ...] = (
    ("e-mail", re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"), "某邮箱"),
    ("identity number", re.compile(r"(?<![0-9])[1-9]\d{5}(?:19|20)\d{2}\d{7}[0-9Xx](?![0-9])"), "某证号"),
    ("identity number", re.compile(r"(?<![0-9])[1-9]\d{16}[0-9Xx](?![0-9])"), "某证号"),
    ("bank card", re.compile(r"(?<![0-9])[3-6]\d{3}(?:[ -]?\d{4}){2,3}[ -]?\d{1,7}(?![0-9])"), "某卡号"),
    ("mobile number", re.compile(rf"(?<![0-9])(?:\+?86[ -]?)?1[3-9]\d(?:{_GAP}\d){{8}}(?![0-9])"), "某电话"),
    ("mobile number", re.compile("(?<![一二三四五六七八九])[一幺1][三四五六七八九3-9]" + _DIGIT + "{9}"), "某电话"),
    ("telephone number", re.compile(r"(?<![0-9])\(?0\d{2,3}\)?[ -]?[2-9]\d{6,7}(?![0-9])"), "某电话"),
    ("telephone number", re.compile(r"(?<![0-9])[48]00[ -]?\d{3,4}[ -]?\d{3,4}(?![0-9])"), "某电话"),
    (
        "telephone number",
        re.compile(r"((?:电话|座机|手机|号码|联系方式)[是为号:： ]{0,3})[0-9][0-9 -]{5,13}[0-9]"),
        r"\1某电话",
    ),
    ("account", re.compile(r"((?:微信|QQ|qq|支付宝)号?[是为:： ]{0,3})[A-Za-z0-9_-]{5,20}"), r"\1某账号"),
    (
        "number plate",
        re.compile(rf"[{_PROVINCES}][A-Z][·. ]?[A-Z0-9]{{5,6}}(?![A-Z0-9])"),
        "某车牌",
    ),
    ("case number", re.compile(r"(?<![0-9A-Za-z])[A-Z]{0,4}\d{10,}(?![0-9])"), "某编号"),
    ("long number", re.compile(r"(?<![0-9])\d{7,}(?![0-9])"), "某编号"),
    (
        "name",
        re.compile(
            rf"({_BEFORE_NAMES}[是为:： ]{{0,3}})"
            rf"{_NAME}[一-鿿]{{1,2}}(?=[^一-鿿]|$|电话|手机|联系|住|反映|来电|女士|先生|身份|今年|家住|报警|称|说)"
        ),
        r"\1某某",
    ),
    ("name", re.compile(rf"{_NAME}[一-鿿]{{0,2}}?(先生|女士|小姐|太太|阿姨|大爷|大妈|师傅)"), r"某\1"),
    (
        "name",
        re.compile(rf"((?:我叫|名叫|姓名[是为:： ]{{0,3}}|联系人[是为:： ]{{0,3}})){_NAME}[一-鿿]{{1,2}}"),
        r"\1某某",
    ),
)


def redact(text: str) -> tuple[str, dict[str, int]]:
    """The text without personal data, and how many of each kind were taken out."""
    clean = unicodedata.normalize("NFKC", text)
    counts: dict[str, int] = {}
    for kind, pattern, instead in _KINDS:
        clean, count = pattern.subn(instead, clean)
        if count:
            counts[kind] = counts.get(kind, 0) + count
    return clean, counts
