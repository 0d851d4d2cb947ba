"""Texts of many languages in the encodings that they are found in: long ones and single sentences."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.knowledge.documents.loaders import load
from modelyard.knowledge.documents.loaders.encoding import decode
from modelyard.knowledge.documents.loaders.single_byte import ENCODINGS

TEXTS = {
    "pl": "Zażółć gęślą jaźń. Pracownikom przysługuje piętnaście dni urlopu wypoczynkowego. Wniosek składa się pisemnie.",
    "cs": "Příliš žluťoučký kůň úpěl ďábelské ódy. Zaměstnanci mají nárok na dovolenou. Žádost se podává písemně.",
    "sk": "Vypätá dcéra grófa Maxwella s IQ nižším ako kôň núti čeľaď hrýzť hŕbu jabĺk. Zamestnanci majú nárok na dovolenku.",
    "hu": "Árvíztűrő tükörfúrógép. A munkavállalóknak évi tizenöt nap szabadság jár. A kérelmet írásban kell benyújtani.",
    "ro": "Angajaţii au dreptul la cincisprezece zile de concediu pe an. Cererea se depune în scris şi se aprobă de şef.",
    "hr": "Zaposlenici imaju pravo na petnaest dana godišnjeg odmora. Zahtjev se podnosi pismeno, što čini svaki djelatnik.",
    "tr": "Çalışanların yılda on beş gün izin hakkı vardır. İşyerinde öğle arası bir saattir. Başvuru yazılı yapılır.",
    "de": "Die Beschäftigten haben Anspruch auf fünfzehn Tage Urlaub. Der Antrag wird schriftlich über die Führung gestellt.",
    "fr": "Les employés ont droit à quinze jours de congé payé par année. La demande est présentée par écrit à la direction.",
    "es": "Los empleados tienen derecho a quince días de vacaciones al año. La petición se hará por escrito a la dirección.",
    "pt": "Os funcionários têm direito a quinze dias de férias por ano. A solicitação é feita por escrito à direção.",
    "sv": "De anställda har rätt till femton dagars semester per år. Ansökan görs skriftligen och lämnas till närmaste chef.",
    "is": "Starfsmenn eiga rétt á fimmtán daga orlofi á ári. Umsókn skal vera skrifleg og send til næsta yfirmanns.",
    "lt": "Darbuotojai turi teisę į penkiolika dienų atostogų per metus. Prašymas pateikiamas raštu šio skyriaus vadovui.",
    "lv": "Darbiniekiem ir tiesības uz piecpadsmit dienu atvaļinājumu gadā. Pieteikums jāiesniedz rakstiski savam vadītājam.",
    "ru": "Сотрудники имеют право на пятнадцать дней отпуска в год. Заявление подаётся в письменной форме руководителю.",
    "uk": "Працівники мають право на п'ятнадцять днів відпустки на рік. Заява подається у письмовій формі керівникові.",
    "bg": "Служителите имат право на петнадесет дни отпуск годишно. Молбата се подава писмено до прекия ръководител.",
    "el": "Οι εργαζόμενοι δικαιούνται δεκαπέντε ημέρες άδειας τον χρόνο. Η αίτηση υποβάλλεται γραπτώς στη διεύθυνση.",
    "he": "לעובדים מגיעים חמישה עשר ימי חופשה בשנה. את הבקשה מגישים בכתב למנהל הישיר של העובד.",
    "ar": "يحق للموظفين الحصول على خمسة عشر يوما من الإجازة في السنة. يقدم الطلب كتابة إلى المدير المباشر.",
    "th": "พนักงานมีสิทธิลาพักผ่อนปีละสิบห้าวัน ให้ยื่นคำขอเป็นลายลักษณ์อักษรต่อผู้บังคับบัญชา",
    "zh": "员工每年有十五天年假。请假申请应以书面形式提交给直接主管，并在系统中登记。",
    "zh-TW": "員工每年有十五天年假。請假申請應以書面形式提交給直接主管，並在系統中登記。",
    "ja": "従業員は年に十五日の休暇を取得できます。申請は書面で直属の上司に提出してください。",
    "ko": "직원은 연간 십오 일의 휴가를 사용할 수 있습니다. 신청서는 직속 상사에게 서면으로 제출합니다.",
}
EAST = {"gb18030": ("zh",), "big5": ("zh-TW",), "cp932": ("ja",), "euc_jp": ("ja",), "cp949": ("ko",)}
SENTENCES = (
    "cp1250",
    "iso8859-2",
    "cp1251",
    "koi8-r",
    "cp1252",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp1257",
    "cp874",
)
"""Encodings that a single sentence is enough for."""


def fits(text: str, encoding: str) -> bool:
    """Whether a text can be written in an encoding."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


CASES = [
    (encoding, language)
    for encoding, languages in {**{name: each.split() for name, (each, _) in ENCODINGS.items()}, **EAST}.items()
    for language in languages
    if language in TEXTS and fits(TEXTS[language], encoding)
]


@pytest.mark.parametrize(("encoding", "language"), CASES)
def test_a_text(encoding: str, language: str) -> None:
    text = TEXTS[language]
    long = "\n".join([text] * 400)
    assert decode(long.encode(encoding))[0] == long
    assert decode(text.encode(encoding))[0] == text


@pytest.mark.parametrize(("encoding", "language"), [case for case in CASES if case[0] in (*SENTENCES, *EAST)])
def test_a_sentence_of_it(encoding: str, language: str) -> None:
    for mark in ("。", ". "):
        for sentence in TEXTS[language].split(mark):
            assert decode(sentence.encode(encoding))[0] == sentence


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", codecs.BOM_UTF8),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-32-le", codecs.BOM_UTF32_LE),
        ("utf-32-be", codecs.BOM_UTF32_BE),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
        ("utf-32-le", b""),
        ("utf-32-be", b""),
    ],
)
def test_unicode(language: str, encoding: str, mark: bytes) -> None:
    assert decode(mark + TEXTS[language].encode(encoding))[0] == TEXTS[language]


@given(
    st.sampled_from(CASES),
    st.lists(st.integers(0, 200), min_size=1, max_size=4),
    st.sampled_from(["\n", "\r\n", ";", "\t", "\n\n"]),
)
@settings(max_examples=150, deadline=None)
def test_words_in_another_order(case: tuple[str, str], places: list[int], between: str) -> None:
    """Rows of a table, lines of a list: the words of a text in any order, with anything between them."""
    encoding, language = case
    words = TEXTS[language].split()
    for place in places:
        at = place % len(words)
        words = [*words[at:], *words[:at:][::-1]]
    text = between.join(words)
    assert decode(text.encode(encoding))[0] == text.replace("\r\n", "\n")


@pytest.mark.parametrize(
    "encoding", ["iso-8859-2", "windows-1250", "koi8-r", "shift_jis", "gb2312", "euc-kr", "x-sjis"]
)
def test_a_page_that_declares_its_encoding(encoding: str) -> None:
    """One word is too little to know an encoding from; the declaration is believed."""
    words = {"koi8-r": "мир", "shift_jis": "水", "x-sjis": "水", "gb2312": "麒麟", "euc-kr": "뷁"}
    word = words.get(encoding, "żółć")
    codec = {"euc-kr": "cp949", "x-sjis": "cp932"}.get(encoding, encoding)
    page = f'<html><head><meta charset="{encoding}"></head><body>{word}</body></html>'
    assert load(page.encode(codec), "a.html").text == word


def test_lines_in_several_encodings() -> None:
    """Logs and tables that several programs wrote to."""
    lines = ["Grüße aus München".encode(), "Grüße aus Köln".encode("cp1252"), "Größe über alles".encode(), b"plain"]
    loaded = load(b"\n".join(lines), "a.log")
    assert loaded.text == "Grüße aus München\nGrüße aus Köln\nGröße über alles\nplain"
    assert loaded.notes == ["Its lines are in several encodings and were read as utf-8 and cp1252."]


def test_characters_that_are_lost_are_counted() -> None:
    loaded = load(("知识库的文档" * 50).encode() + b"\xff\n", "a.txt")
    assert loaded.notes == ["1 character is damaged, or in another encoding than utf-8."]
