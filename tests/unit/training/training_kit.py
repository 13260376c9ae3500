"""Made-up reports for training tests: six matters, said in many ways, with what offices leave in their exports."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterator
from pathlib import Path

MATTERS = {
    "市城管局": (
        ["夜市摊位", "流动商贩", "烧烤摊", "违规广告牌", "乱堆的杂物"],
        ["占了人行道", "挡住了出口", "没有人管", "每天都在"],
    ),
    "市水务集团": (
        ["自来水管", "水表", "楼上的水压", "家里的水龙头", "小区水箱"],
        ["漏水", "没有水", "发黄有味", "一直在滴"],
    ),
    "区人社局": (
        ["工地老板", "餐馆经理", "劳务公司", "工厂", "培训学校"],
        ["拖欠工资", "不签合同", "不交社保", "扣了押金"],
    ),
    "交警支队": (
        ["路口红绿灯", "货车", "电动车", "校门口的车", "高架匝道"],
        ["乱停", "坏了不亮", "逆行很危险", "堵得厉害"],
    ),
    "燃气集团": (
        ["燃气表", "天然气灶", "管道阀门", "壁挂炉", "缴费卡"],
        ["没电了", "打不着火", "充不进去", "需要检修"],
    ),
    "市教育局": (["幼儿园", "辅导班", "小学食堂", "校车", "中学操场"], ["乱收费", "不退学费", "饭菜太差", "没有资质"]),
}
_WHERE = ["幸福路", "和平小区", "老车站旁边", "东门菜市场", "学府花园", "滨江公园", "桥头", "新村三区"]
_WHEN = ["昨天开始", "这几天", "早上", "晚上九点以后", "上周到现在", "一直以来", "下雨之后", "半个月了"]
_HOW = [
    "希望有人来看看",
    "已经说过两次",
    "邻居也有意见",
    "影响生活",
    "老人出门不方便",
    "孩子上学要经过",
    "请问该找谁",
    "谢谢",
]
PHONES = ("13812345678", "15900001111", "0571-88776655")
IDENTITY = "330102199003077715"
NAME = "欧阳建国"


def sentence(random_: random.Random, label: str) -> str:
    """One report about a matter."""
    things, states = MATTERS[label]
    thing, state = random_.choice(things), random_.choice(states)
    where, when = random_.choice(_WHERE), random_.choice(_WHEN)
    number = random_.randint(1, 999)
    return f"{where}{number}号{thing}{state}，{when}，{random_.choice(_HOW)}，{random_.choice(_HOW)}"


def plain(count: int, seed: int = 1) -> list[tuple[str, str]]:
    """(text, label) without anything planted; labels are not equally frequent."""
    random_ = random.Random(seed)
    labels = list(MATTERS)
    chosen = random_.choices(labels, weights=[6, 5, 4, 3, 2, 1], k=count)
    return [(sentence(random_, label), label) for label in chosen]


def planted(count: int) -> Iterator[tuple[str, str, str]]:
    """(text, label, what was planted)."""
    random_ = random.Random(7)
    for at, (text, label) in enumerate(plain(count, 2)):
        match at % 20:
            case 3:
                yield f"{text}，联系电话{random_.choice(PHONES)}", label, "phone"
            case 7:
                yield f"来电人{NAME}，身份证{IDENTITY}，{text}", label, "person"
            case 11:
                yield f"{text}。请{label}核实处理并回复。", label, "leak"
            case 15:
                yield f"【{label}】{text}", label, "bracket"
            case _:
                yield text, label, ""


def write(path: Path, rows: list[tuple[str, str]], encoding: str = "utf-8") -> Path:
    """A CSV with the columns 内容 and 承办单位."""
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["编号", "内容", "承办单位"])
        writer.writerows([str(at), text, label] for at, (text, label) in enumerate(rows, 1))
    return path
