"""Texts as they are written, in the encodings that they are found in."""

from __future__ import annotations

import codecs
import random

import pytest

from modelyard.knowledge.documents.loaders.encoding import NotText, decode

SENTENCES = {
    "gb18030": [
        *(
            "退货政策说明",
            "你好，世界",
            "请假流程与审批",
            "北京市海淀区中关村",
            "产品使用手册",
            "知识库检索增强生成",
            "人工智能",
        ),
        *(
            "姓名,年龄,城市\n张三,30,上海\n",
            "锂电池热失控预警阈值",
            "the 手册 is here",
            "合同编号：HT-2024-001",
            "苹果香蕉葡萄",
        ),
    ],
    "big5hkscs": [
        "退貨政策說明",
        "請假流程與審批",
        "臺北市信義區",
        "產品使用手冊",
        "知識庫檢索增強生成",
        "網路程式設定檔案",
    ],
    "cp932": ["返品ポリシー", "こんにちは世界", "東京都港区", "利用規約について", "会議の議事録", "契約書を締結した"],
    "euc_jp": ["返品ポリシー", "こんにちは世界", "利用規約について", "製品マニュアル", "契約書を締結した"],
    "cp949": [
        "반품 정책 설명",
        "안녕하세요",
        "한국어 문서입니다",
        "서울특별시 강남구",
        "이름,나이,도시\n김철수,30,서울\n",
    ],
    "cp1252": [
        "café au lait",
        "Müller geht über die Straße",
        "El niño comió",
        "“quoted” text – dashes",
        "Grüße",
        "São Paulo",
    ],
    "utf-16-le": ["退货政策说明", "hello world", "你好 world\n", "안녕하세요 여러분"],
    "utf-16-be": ["退货政策说明", "hello world", "你好 world\n"],
    "cp1251": ["Привет, как дела? Это документ.", "Политика возврата товаров"],
    "iso2022_jp": ["利用規約について"],
    "utf-8": ["退货", "café", "a", "𠮷野家", "e\u0301 stays as it is"],
}
CASES = [(encoding, text) for encoding, texts in SENTENCES.items() for text in texts]


@pytest.mark.parametrize(("encoding", "text"), CASES)
def test_a_sentence(encoding: str, text: str) -> None:
    assert decode(text.encode(encoding))[0] == text


@pytest.mark.parametrize("encoding", ["gb18030", "big5hkscs", "cp932", "euc_jp", "cp949"])
def test_a_long_text_with_a_broken_character(encoding: str) -> None:
    text = "\n".join(SENTENCES[encoding]) * 2000
    data = bytearray(text.encode(encoding))
    data[-2:-2] = b"\xff"
    found, name = decode(bytes(data))
    assert name == encoding
    assert found[:-30] == text[:-29] or found.startswith(text[:-40])


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
    ],
)
def test_a_mark_is_believed_and_dropped(mark: bytes, encoding: str) -> None:
    assert decode(mark + "说明 é".encode(encoding)) == ("说明 é", encoding)


def test_what_the_file_declares_is_believed_where_it_fits() -> None:
    assert decode("麒麟鸿鹄貔貅".encode("gb18030"), "GB2312")[0] == "麒麟鸿鹄貔貅"
    assert decode("退货政策说明".encode(), "gbk")[0] == "退货政策说明"
    assert decode("退货政策说明".encode("gb18030"), "no-such-encoding")[0] == "退货政策说明"


def test_newlines_nuls_and_surrogates() -> None:
    assert decode(b"a\r\nb\rc\0")[0] == "a\nb\nc"
    found, _ = decode(
        b"plain text \xed\xa0\x80 with a lone surrogate, and \xe4\xbd\xa0\xe5\xa5\xbd\xe4\xb8\x96\xe7\x95\x8c" * 9
    )
    found.encode("utf-8")


def test_utf8_that_is_cut_in_a_character_or_damaged_in_one_place() -> None:
    data = ("知识库的文档" * 50).encode()
    assert decode(data[:-1])[0].startswith("知识库的文档" * 49)
    assert decode(data[:300] + b"\xff" + data[300:])[1] == "utf-8"


def test_what_is_no_text() -> None:
    for seed in range(100):
        with pytest.raises(NotText):
            decode(random.Random(seed).randbytes(300))
    with pytest.raises(NotText):
        decode(b"\x7fELF\x02\x01\x01" + bytes(100) + b"\x03\x3e\x01")
