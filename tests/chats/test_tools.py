"""The tools of agents: reckoning, searching, reading pages of a real server."""

from __future__ import annotations

import ast
import asyncio
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.chats.search_engines.base import SearchSettings
from modelyard.chats.search_engines.searxng import SearXNG
from modelyard.chats.tools.base import Tool, tool_definition
from modelyard.chats.tools.calculator import Calculator, calculate
from modelyard.chats.tools.internet_search import InternetSearch
from modelyard.chats.tools.knowledge_search import KnowledgeSearch
from modelyard.chats.tools.page_reader import MOST_CHARACTERS, PageReader
from modelyard.core.errors import AddressRefused, FetchFailed, InvalidParameter, SearchFailed, UnknownName
from modelyard.core.fetching import Hosts
from modelyard.knowledge.documents.web_pages import parse_page
from tests.knowledge.documents.test_web_pages import PAGE
from tests.knowledge.web_server import Reply, Web, web


@pytest.fixture
def server() -> Iterator[Web]:
    with web() as made:
        yield made


def call(tool: Tool, **arguments: Any) -> str:
    return asyncio.run(tool.call(arguments))


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("1 + 2 * 3", "7"), ("(1+2)*3", "9"), ("0.1 + 0.2", "0.3"), ("1/3", "0.333333333333333"), ("-7 // 2", "-4"),
        ("7 % 3", "1"), ("10 % (2+1)", "1"), ("2 ** 10", "1024"), ("2^10", "1024"), ("2 ** -2", "0.25"),
        ("9 ** 0.5", "3"), ("-2 ** 2", "-4"), ("1e3 + 1_000", "2000"), ("0x10", "16"), ("1.5e-3", "0.0015"),
        ("12.5%", "0.125"), ("200 * 15%", "30"), ("1299 * 85% - 30", "1074.15"), ("100*(1+5%)", "105"),
        ("(10+20)%", "0.3"), ("max(10, 20)%", "0.2"), ("2 ** 50%", "1.4142135623731"), ("20% of 50", "10"),
        ("50的20%", None), ("20%的50", "10"), ("5% * 7%", "0.0035"), ("10% - 3%", "0.07"),
        ("（３＋４．５）×２０％", "1.5"), ("１２÷４", "3"), ("5 − 3", "2"), ("3·4", "12"), ("5²", "25"), ("2³ + 1", "9"),
        ("√16 + √(9)", "7"), ("2π", None), ("1,234,567 + 1", "1234568"), ("1，000 × 2", "2000"), ("2*[3+(4)]", "14"),
        ("1+1=", "2"), ("1+1=?", "2"), ("1＋1＝？", "2"), ("max(1,200)", "200"),
        ("sqrt(16)", "4"), ("sqrt(0.25)", "0.5"), ("sqrt(2)", "1.4142135623731"), ("SIN(0)", "0"), ("log(8, 2)", "3"),
        ("ln(e)", "1"), ("log10(1000)", "3"), ("round(2.5)", "3"), ("round(-2.5)", "-3"), ("round(2.675, 2)", "2.68"),
        ("round(1234, -2)", "1200"), ("round(sqrt(2), 3)", "1.414"), ("floor(-1.5)", "-2"), ("ceil(1.2)", "2"),
        ("abs(-3)", "3"), ("min(3, 1, 2)", "1"), ("sum(1, 2, 3)", "6"), ("mean(1, 2)", "1.5"), ("gcd(12, 18)", "6"),
        ("lcm(4, 6)", "12"), ("factorial(20)", "2432902008176640000"), ("cos(pi)", "-1"), ("degrees(pi)", "180"),
        ("123456789 * 987654321", "121932631112635269"), ("-0.5", "-0.5"), ("1/8", "0.125"), ("10**20 + 1", f"{10**20 + 1}"),
    ],
)  # fmt: skip
def test_the_calculator_gives_this_result(expression: str, result: str | None) -> None:
    if result is None:
        with pytest.raises(InvalidParameter):
            calculate(expression)
    elif len(result) > 14 and "." in result:
        assert math.isclose(float(calculate(expression)), float(result), rel_tol=1e-13)
    else:
        assert calculate(expression) == result


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("9**9**9", "too large"), ("2**100000", "too large"), ("0.1**99999", "too large"), ("factorial(5000)", "too large"),
        ("1e999", "too large"), ("1e-999999999", "too large"), ("exp(1000)", "too large"), ("1e308*10.0**308.5", "too large"),
        ("9999**2000*9999**2000", "too large"), ("-" * 400 + "1", "deep"),
        ("1" * 501, "500 characters"), ("1/0", "zero"), ("1 % 0", "zero"), ("0 ** -1", "zero"), ("mean()", "zero"),
        ("sqrt(-1)", "cannot"), ("(-8) ** 0.5", "no real number"), ("log(0)", "cannot"), ("factorial(1.5)", "whole number"),
        ("factorial(-1)", "cannot"), ("sin()", "cannot"), ("min(1)", "cannot"), ("1j", "no number"), ("True", "no number"),
        ("'a' * 9", "no number"), ("__import__('os')", "there is no '__import__'"), ("x", "there is no 'x'"),
        ("(1).__class__", "no arithmetic"), ("lambda: 1", "no arithmetic"), ("max(*(1, 2))", "arithmetic"),
        ("round(1, digits=2)", "arithmetic"), ("1 if 1 else 2", "no arithmetic"), ("1 < 2", "no arithmetic"),
        ("(1, 2)", "arithmetic"), ("[1][0]", "arithmetic"), ("{}", "no arithmetic"), ("1; 2", "no arithmetic"),
        ("一加一", "there is no"), ("%", "percent"), ("1 +", "no arithmetic"), ("", "empty"), ("2(3)", "no arithmetic"),
        ("f'{1}'", "no arithmetic"), ("1 @ 2", "no arithmetic"), ("1 << 9999", "no arithmetic"), ("not 1", "no arithmetic"),
    ],
)  # fmt: skip
def test_the_calculator_refuses(expression: str, why: str) -> None:
    with pytest.raises(InvalidParameter, match=why) as caught:
        call(Calculator(), expression=expression)
    assert caught.value.param == "expression"


@settings(deadline=None)
@given(st.text(alphabet="0123456789+-*/%().,^ ×÷（）eπ√²", max_size=40))
def test_any_expression_gives_a_number_or_an_error_message(expression: str) -> None:
    try:
        assert math.isfinite(float(calculate(expression)))
    except InvalidParameter:
        return
    except OverflowError:
        assert len(calculate(expression)) > 300  # an exact whole number beyond floats


@given(st.recursive(
    st.integers(0, 999).map(str) | st.decimals(0, 99, places=2).map(str),
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda each: f"({' '.join(each)})"),
    max_leaves=8,
))  # fmt: skip
def test_the_calculator_is_as_exact_as_fractions(expression: str) -> None:
    class Exact(ast.NodeTransformer):
        def visit_Constant(self, node: ast.Constant) -> ast.AST:
            written = ast.get_source_segment(expression, node)
            return ast.Call(ast.Name("Fraction", ast.Load()), [ast.Constant(written)], [])

    try:
        tree = ast.fix_missing_locations(Exact().visit(ast.parse(expression, mode="eval")))
    except SyntaxError:
        return  # 007
    expected: Fraction = eval(compile(tree, "", "eval"), {"Fraction": Fraction})
    found = Fraction(calculate(expression))
    assert abs(found - expected) <= abs(expected) / 10**13


def test_wrong_arguments_are_refused_by_name() -> None:
    for wrong in ({}, {"expression": 5}, {"expression": " "}, {"expression": None}):
        with pytest.raises(InvalidParameter, match="expression"):
            asyncio.run(Calculator().call(wrong))


def test_every_tool_has_a_valid_definition(server: Web) -> None:
    async def search(query: str, base: str) -> str:
        return ""

    engine = SearXNG(SearchSettings("searxng", server.url))
    tools: list[Tool] = [
        Calculator(),
        InternetSearch(engine),
        PageReader(parse_page),
        KnowledgeSearch(search, {"laws": ""}),
    ]
    for tool in tools:
        function = tool_definition(tool)["function"]
        assert function["name"] == tool.name and len(function["description"]) > 20
        assert set(function["parameters"]["required"]) <= set(function["parameters"]["properties"])
    assert [tool.name for tool in tools] == ["calculator", "search_internet", "read_url", "search_knowledge"]


def test_web_hits_are_numbered(server: Web) -> None:
    results = [{"url": f"https://example.org/{n}", "title": f"Page {n}", "content": f"about {n}"} for n in range(30)]
    server.pages["/search"] = Reply.of({"results": results})
    tool = InternetSearch(SearXNG(SearchSettings("searxng", server.url)))
    assert call(tool, query="x", count="2") == (
        "[1] Page 0\nhttps://example.org/0\nabout 0\n\n[2] Page 1\nhttps://example.org/1\nabout 1"
    )
    assert call(tool, query="x").count("https://") == 5
    assert call(tool, query="x", count=99).count("https://") == 10
    for wrong in ("many", 1.5, True, None):
        with pytest.raises(InvalidParameter, match="count"):
            call(tool, query="x", count=wrong)
    server.pages["/search"] = Reply.of({"results": []})
    assert call(tool, query="xyz") == "Nothing was found for 'xyz'."
    server.pages["/search"] = Reply.of({}, 429)
    with pytest.raises(SearchFailed):
        call(tool, query="x")


def test_a_search_needs_a_known_base() -> None:
    async def search(query: str, base: str) -> str:
        return f"{query} in {base}"

    two = KnowledgeSearch(search, {"laws": "labour law", "人事": ""})
    assert "laws: labour law; 人事" in two.description
    assert two.parameters["properties"]["base"]["enum"] == ["laws", "人事"]
    assert call(two, query="年假", base="人事") == "年假 in 人事"
    with pytest.raises(UnknownName, match=r"'law'.*'laws'.*Known: laws, 人事"):
        call(two, query="x", base="law")
    with pytest.raises(InvalidParameter, match="base"):
        call(two, query="x")
    assert call(KnowledgeSearch(search, {"laws": ""}), query="x") == "x in laws"


def test_long_pages_are_read_in_parts(server: Web) -> None:
    server.pages |= {
        "/page": Reply(PAGE),
        "/long": Reply("字" * (MOST_CHARACTERS + 10), "text/plain; charset=utf-8"),
        "/data": Reply.of({"a": 1}),
        "/picture": Reply(b"\x89PNG", "image/png"),
        "/empty": Reply("<html></html>"),
    }
    reader = PageReader(parse_page, Hosts.read("127.0.0.1"))
    assert call(reader, url=f"{server.url}/page").startswith(f"年假 & 规定\n{server.url}/page\n\n# Leave policy")
    assert call(reader, url=f"{server.url}/data").endswith('\n\n{"a": 1}')
    first = call(reader, url=f"{server.url}/long")
    assert first.endswith(f"(Characters 0 to 8000 of 8010; go on with start={MOST_CHARACTERS}.)")
    assert call(reader, url=f"{server.url}/long", start=8000) == f"{server.url}/long\n\n{'字' * 10}"
    assert "beyond character 8010" in call(reader, url=f"{server.url}/long", start=9000)
    assert "no text here" in call(reader, url=f"{server.url}/empty")
    with pytest.raises(FetchFailed, match="could not be fetched: it must be"):
        call(reader, url=f"{server.url}/picture")
    with pytest.raises(AddressRefused):
        call(PageReader(parse_page), url=f"{server.url}/page")


@pytest.mark.parametrize("sign", "×✕·⋅÷∕−–—")
def test_typographic_signs_are_pythons(sign: str) -> None:
    plain = {"÷": "/", "∕": "/", "−": "-", "–": "-", "—": "-"}.get(sign, "*")
    assert calculate(f"12 {sign} 4") == calculate(f"12 {plain} 4")


@pytest.mark.parametrize("power", range(10))
def test_a_raised_digit_is_a_power(power: int) -> None:
    assert calculate(f"2{'⁰¹²³⁴⁵⁶⁷⁸⁹'[power]}") == str(2**power)


@pytest.mark.parametrize(("name", "expected"), [
    ("sqrt(2.25)", "1.5"), ("cbrt(27)", "3"), ("exp(0)", "1"), ("log(8, 2)", "3"), ("ln(1)", "0"), ("log2(8)", "3"),
    ("log10(100)", "2"), ("lg(100)", "2"), ("sin(0)", "0"), ("cos(0)", "1"), ("atan2(0, 1)", "0"), ("hypot(3, 4)", "5"),
    ("degrees(0)", "0"), ("abs(-2)", "2"), ("round(2.5)", "3"), ("round(-2.5)", "-3"), ("round(1.25, 1)", "1.3"),
    ("floor(-1.5)", "-2"), ("ceil(1.2)", "2"), ("min(2, 1)", "1"), ("max(2, 1)", "2"), ("sum(1, 2)", "3"),
    ("mean(1, 2)", "1.5"), ("pow(2, 3)", "8"), ("gcd(12, 18)", "6"), ("lcm(4, 6)", "12"), ("factorial(5)", "120"),
    ("round(pi, 4)", "3.1416"), ("round(tau / pi, 9)", "2"), ("round(e, 3)", "2.718"), ("7 // 2", "3"), ("7 % 4", "3"),
])  # fmt: skip
def test_every_function_and_constant(name: str, expected: str) -> None:
    assert calculate(name) == expected


@pytest.mark.parametrize(
    "text", ["+".join(["1"] * 100), "(" * 100 + "1" + ")" * 100, "-" * 100 + "1", "1" + "**1" * 100]
)
def test_deep_expressions_are_refused_or_calculated(text: str) -> None:
    """Only brackets cost no depth: the parser leaves none of them."""
    if text.startswith("("):
        assert calculate(text) == "1"
    else:
        with pytest.raises(InvalidParameter, match="too deep"):
            calculate(text)
