"""What happens to rows before anything is learned: reading, redaction, leaks, duplicates."""

from __future__ import annotations

from pathlib import Path

import openpyxl
import pytest
from training_kit import write

from callmesh.classification.training.cleaning import clean
from callmesh.classification.training.duplicates import group
from callmesh.classification.training.leaks import LeakRemover, Leaks
from callmesh.classification.training.reading import BadTable, Row, read_table
from callmesh.classification.training.redaction import redact


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_reads_every_encoding(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path / "orders.csv", [("路灯不亮", "市政"), ("水管漏水", "水务")], encoding)
    table = read_table(path, "内容", "承办单位")
    assert [(row.line, row.text, row.label) for row in table.rows] == [(2, "路灯不亮", "市政"), (3, "水管漏水", "水务")]
    assert table.encoding == encoding


def test_reads_a_workbook(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(["text", "label"])
    book.active.append(["路灯不亮", 7])
    book.active.append([None, "水务"])
    book.save(tmp_path / "orders.xlsx")
    table = read_table(tmp_path / "orders.xlsx", "text", "label")
    assert [(row.line, row.label) for row in table.rows] == [(2, "7")]
    assert [(flaw.line, flaw.reason) for flaw in table.flaws] == [(3, "no text")]


def test_a_title_above_the_columns_is_passed_over(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for cells in (["2026年诉求明细表"], [], ["序号", "反映内容", "", "办理部门"], [1, "路灯不亮", None, "市政"]):
        book.active.append(cells)
    book.active.merge_cells("A1:D1")
    book.save(tmp_path / "orders.xlsx")
    path = tmp_path / "orders.csv"
    path.write_text("诉求明细表\n\n序号;反映内容;办理部门\n1;路灯不亮;市政\n", encoding="gb18030")
    for file in (tmp_path / "orders.xlsx", path):
        (row,) = read_table(file, "反映内容", "办理部门").rows
        assert (row.text, row.label) == ("路灯不亮", "市政")
    assert [row.text for row in read_table(path, "2", "3").rows] == ["路灯不亮"]


def test_rows_that_cannot_be_used_are_named_by_line(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text('text,label\n"两行\n文字",a\n,b\n有字,\n\nlast,c\nshort\n', encoding="utf-8")
    table = read_table(path, "text", "label")
    assert [(row.line, row.label) for row in table.rows] == [(2, "a"), (7, "c")]
    assert [(flaw.line, flaw.reason) for flaw in table.flaws] == [(4, "no text"), (5, "no label"), (8, "no label")]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"text,label\n", "no row has both"),
        (b"a,b\n1,2\n", "no column 'text'; there are: a, b"),
        (b"", "first 8 lines must name"),
        (b"text,label\n\xff\xff\xff,\x80\n", "neither UTF-8 nor GB 18030"),
    ],
)
def test_a_table_that_cannot_be_used_says_why(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    with pytest.raises(BadTable, match=says):
        read_table(path, "text", "label")


def test_a_broken_workbook_says_why(tmp_path: Path) -> None:
    (tmp_path / "orders.xlsx").write_bytes(b"not a workbook")
    with pytest.raises(BadTable, match="no workbook"):
        read_table(tmp_path / "orders.xlsx", "text", "label")


@pytest.mark.parametrize(
    ("text", "kind", "gone"),
    [
        ("请回电13812345678谢谢", "mobile number", "13812345678"),
        ("请回电１３８ １２３４ ５６７８谢谢", "mobile number", "1234"),
        ("号码是幺三八一二三四五六七八", "mobile number", "一二三四五"),
        ("单位电话0571-88776655", "telephone number", "88776655"),
        ("身份证33010219900307771X", "identity number", "19900307"),
        ("卡号6222021234567890123", "bank card", "1234567"),
        ("车牌浙A12B45堵门", "number plate", "12B45"),
        ("邮箱zhang.san@example.com", "e-mail", "zhang"),
        ("微信号abc_12345", "account", "abc_12345"),
        ("工单202603150001234处理", "case number", "202603150001234"),
        ("来电人张建国反映路灯不亮", "name", "建国"),
        ("联系人：欧阳小花，电话", "name", "小花"),
        ("王女士称楼上漏水", "name", "王"),
        ("我叫李雷", "name", "李雷"),
    ],
)
def test_personal_data_is_taken_out(text: str, kind: str, gone: str) -> None:
    clean_text, counts = redact(text)
    assert gone not in clean_text and kind in counts


@pytest.mark.parametrize(
    "text", ["三号楼12单元301室漏水", "2024年5月1日上午10:30停电", "高峰期路口拥堵", "拨打12345和110都没人接"]
)
def test_ordinary_numbers_stay(text: str) -> None:
    assert redact(text) == (text.replace("：", ":"), {})


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("路边有垃圾。请市城管局核实处理。", "路边有垃圾。"),
        ("路边有垃圾，请相关部门尽快处理，谢谢", "路边有垃圾，谢谢"),
        ("【市城管局】路边有垃圾", "路边有垃圾"),
        ("类别：停水，家里没有水", "，家里没有水"),
        ("家里没有水。停水。", "家里没有水。"),
        ("市城管局没人管垃圾", "没人管垃圾"),
        ("已转市城管局，路边有垃圾", "路边有垃圾"),
        ("小区停水两天了", "小区停水两天了"),
        ("希望物业处理漏水", "希望物业处理漏水"),
    ],
)
def test_leaks_go_and_content_stays(text: str, left: str) -> None:
    assert LeakRemover(["市城管局", "停水"]).clean(text, 1, Leaks()) == left


def test_duplicates_are_found_once() -> None:
    text = "幸福路三号门口的井盖坏了半个月没有人修老人走路很危险希望尽快换一个新的"
    found = group([text, "完全不同的另一件事情说的是路灯", text, text[:-1], text.replace("半个", "一个")])
    assert found.kept == (0, 1)
    assert found.exact == ((2, 0),) and found.near == ((3, 0), (4, 0))


def test_the_account_names_lines_and_contradictions() -> None:
    rows = [
        Row(2, "幸福路路灯不亮，电话13812345678", "a"),
        Row(3, "幸福路路灯不亮，电话15900001111", "b"),
        Row(4, "请市城管局核实处理", "市城管局"),
    ]
    samples, account = clean(rows, {"a", "b", "市城管局"})
    assert [one.line for one in samples] == [2]
    assert account.exact == [(3, 2)] and account.contradicting == [(3, 2)]
    assert account.redacted == {"mobile number": [2, 3]}
    assert [(flaw.line, flaw.reason) for flaw in account.flaws] == [
        (4, "nothing is left after redaction and leak removal")
    ]
