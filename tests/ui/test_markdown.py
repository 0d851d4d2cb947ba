"""Markdown of models and files: a text that grows is drawn as the whole one is, and nothing in it becomes more than text."""

from __future__ import annotations

import json
import random
from typing import Any

from playwright.sync_api import Page, expect

from tests.live import Live
from tests.ui.screen import show

FRAGMENTS = (
    "# T\n",
    "## b\n\n",
    "para one **b** *i* `c`\n",
    "line\n",
    "\n",
    "\n\n",
    "- a\n",
    "- b\n  - c\n",
    "  more\n",
    "1. x\n",
    "2. y\n",
    "1) z\n",
    "> q\n",
    "> > r\n",
    "```py\nprint(1)\n```\n",
    "```\nopen\n",
    "~~~\nx\n~~~\n",
    "    indented\n",
    "| a | b |\n|--|--|\n| 1 | 2 |\n",
    "| 3 | 4 |\n",
    "a | b\n--|--\n",
    "---\n",
    "===\n",
    "***\n",
    "<div>\nx\n</div>\n",
    "<!-- c\n\n -->\n",
    "<script>\nx\n\n</script>\n",
    "$$\na\n- b\n$$\n",
    "$$ x $$\n",
    "$$x$$ more\n",
    "$$\nopen\n",
    "\\[\ny\n\\]\n",
    "text $a+b$ and \\(c\\) [1] [2, 3] [9] 【1】\n",
    "[r]: http://x.y\n",
    "see [r] and [t](http://a.b)\n",
    "- [x] done\n- [ ] open\n",
    "* s\n\n",
    "+ p\n",
    "中文，5~10 和 3~4。\n",
    "&lt;b&gt; &amp; <b>h</b>\n",
    "a\\\nb  \nc\n",
    "![i](http://e.x/p.png)\n",
    "-\n",
    "2\n",
    "2.",
    "-",
    "--",
    "$",
    "\t tab\n",
    "\r\n",
    "x\r\n",
    "\r",
)

HOSTILE = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    "[a](java\tscript:alert(1))",
    "[a](&#106;avascript:alert(1))",
    "[a](data:text/html,<script>1</script>)",
    "[a](vbscript:x)",
    "[a](file:///etc/passwd)",
    "[a](//evil.example/x)",
    "[a](/v1/models)",
    "<javascript:alert(1)>",
    "![a](http://evil.example/pixel.png)",
    "![a](//evil.example/p.png)",
    "![a](data:text/html;base64,PHNjcmlwdD4=)",
    "![a](javascript:alert(1))",
    "![a](../v1/server/mcp_servers?tools=true)",
    "![a](../v1/metrics/series?follow=true)",
    '![x" onerror="alert(1)](http://evil.example/)',
    "<a href='javascript:alert(1)'>x</a>",
    "<style>*{display:none}</style>",
    "<base href='http://evil.example/'>",
    "<meta http-equiv=refresh content='0;url=http://evil.example'>",
    "<form action=http://evil.example><input name=q></form>",
    "`<b onclick=alert(1)>`",
    "```html onload=alert(1)\n<script>alert(1)</script>\n```",
    "```<script>\nx\n```",
    "$\\href{javascript:alert(1)}{x}$",
    "$\\includegraphics{http://evil.example/x.png}$",
    "$$\\style{position:fixed}{x}$$",
    "$\\unicode{<img src=x onerror=alert(1)>}$",
    "$\\text{</span><img src=x onerror=alert(1)>}$",
    "| <img src=x onerror=alert(1)> |\n|--|\n| [a](javascript:alert(1)) |",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;alert(1)&#60;/script&#62;",
    "[1](javascript:alert(1))",
    "[a]: javascript:alert(1)\n\n[a]",
    "<math><mtext></math><img src=x onerror=alert(1)>",
    "<details open ontoggle=alert(1)>",
    "<x contenteditable onfocus=alert(1) autofocus>",
    "[__proto__](http://a.b)",
    "&__proto__; &constructor; &toString;",
)

GROW = """async ([documents, splits]) => {
    const root = new URL("../", document.querySelector("script[type=module]").src);
    const { html, render } = await import(new URL("lib/html.js", root));
    const { Markdown } = await import(new URL("parts/markdown.js", root));
    const cite = (number) => (number <= 3 ? html`<button>${number}</button>` : null);
    const show = (text, whole, place) => render(html`<${Markdown} text=${text} whole=${whole} cite=${cite} />`, place);
    const wrong = [];
    for (const [index, text] of documents.entries()) {
        const [grown, whole] = [document.createElement("div"), document.createElement("div")];
        for (const end of splits[index]) show(text.slice(0, end), false, grown);
        show(text, true, grown);
        show(text, true, whole);
        if (!grown.isEqualNode(whole)) wrong.push([text, grown.innerText, whole.innerText]);
        render(null, grown);
        render(null, whole);
    }
    return wrong;
}"""

DRAW = """async (texts) => {
    const root = new URL("../", document.querySelector("script[type=module]").src);
    const { html, render } = await import(new URL("lib/html.js", root));
    const { Markdown } = await import(new URL("parts/markdown.js", root));
    const place = document.createElement("section");
    place.id = "drawn";
    document.querySelector("main").append(place);
    render(texts.map((text, index) => html`<article key=${index}><${Markdown} text=${text} /></article>`), place);
}"""

READ = """() => [...document.querySelectorAll("#drawn *")].map((each) => ({
    name: each.localName,
    attributes: Object.fromEntries([...each.attributes].map(({ name, value }) => [name, value])),
}))"""

ELEMENTS = {
    "article",
    "div",
    "p",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "li",
    "blockquote",
    "hr",
    "br",
    "strong",
    "em",
    "del",
    "code",
    "pre",
    "a",
    "img",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "input",
    "span",
    "button",
    "svg",
    "path",
    "math",
    "mrow",
    "mi",
    "mo",
    "mn",
    "mtext",
    "mstyle",
    "semantics",
    "msup",
    "msqrt",
    "mfrac",
    "mspace",
    "mpadded",
    "mphantom",
    "msub",
    "msubsup",
    "munderover",
    "menclose",
    "merror",
}


def test_a_growing_text_is_drawn_as_the_whole(page: Page, server: Live) -> None:
    """Documents of random fragments, each cut at random places, as pieces of a stream arrive."""
    dice = random.Random(19)
    documents = ["".join(dice.choices(FRAGMENTS, k=dice.randint(2, 14))) for _ in range(300)]
    splits = [
        [*sorted(dice.sample(range(1, len(text)), k=min(len(text) - 1, 12)))] if len(text) > 1 else []
        for text in documents
    ]
    show(page, server)
    assert page.evaluate(GROW, [documents, splits]) == []


def test_hostile_markdown_stays_text(page: Page, server: Live) -> None:
    """No element, attribute or address beyond those that the page makes; `watch` notes every foreign request and script."""
    show(page, server)
    page.evaluate(DRAW, list(HOSTILE))
    page.locator("#drawn math").first.wait_for()
    found: list[dict[str, Any]] = page.evaluate(READ)
    assert {each["name"] for each in found} <= ELEMENTS
    for each in found:
        attributes = each["attributes"]
        assert not [
            name for name in attributes if name.startswith("on") or name in ("srcdoc", "action", "formaction")
        ], each
        if "href" in attributes:
            assert attributes["href"].startswith(("http://", "https://", "mailto:", "#")), each
            assert attributes["href"].startswith("#") or attributes["rel"] == "noopener noreferrer"
        if each["name"] == "img":
            assert attributes["src"].startswith("data:image/"), each
    assert page.locator("#drawn").inner_text().count("<script>") >= 3


SAMPLES = {
    "# T\n\n**b** *i* ~~d~~ `c` a~b~c": {"h3": 1, "strong": 1, "em": 1, "del": 1, "code": 1},
    "| a | b |\n|:--|--:|\n| 1 | 2<br>3 |\n": {"table": 1, "td": 2, "br": 1, "button": 1},
    "- [x] a\n- [ ] b\n\n3. c\n": {"input": 2, "ol": 1, "ul": 1},
    "a\nb": {"br": 1},
    "$E = mc^2$, \\(x\\), costs $5 and $6": {"math": 2},
    "$$\n\\frac{1}{2}\n$$\n\n\\[ \\sqrt{x} \\]": {"math": 2, "mfrac": 1, "msqrt": 1},
    "```python\ndef f(): return 'x'\n```": {"pre": 1, ".hljs-keyword": 2, ".hljs-string": 1},
    "[t](https://example.org/ 'title') <me@example.org> https://example.org/": {"a": 3},
    "![p](data:image/gif;base64,R0lGODlhAQABAAAAACw=) ![q](../v1/models)": {"img": 1},
}
"""Markdown → how many elements there are of each kind."""


def test_what_is_drawn(page: Page, server: Live) -> None:
    show(page, server)
    page.evaluate(DRAW, list(SAMPLES))
    for index, names in enumerate(SAMPLES.values()):
        for name, count in names.items():
            found = page.locator("#drawn > article").nth(index).locator(f".markdown {name}:not(.code-bar *)")
            expect(found).to_have_count(count)


def test_the_last_block_alone_is_parsed_again(page: Page, server: Live) -> None:
    """Blocks that are settled are the same objects after more text has come."""
    show(page, server)
    kept = page.evaluate(
        """async (parts) => {
            const root = new URL("../", document.querySelector("script[type=module]").src);
            const { GrowingText } = await import(new URL("lib/markdown.js", root));
            const growing = new GrowingText();
            const first = growing.update(parts[0], false);
            const second = growing.update(parts[0] + parts[1], false);
            return [first.map((each) => each.settled), second.map((each, index) => each === first[index])];
        }""",
        ["one\n\n- two\n\nthree\n\nfo", "ur\n\nfive"],
    )
    assert kept == [[True, True, False, False], [True, True, False, False, False]], json.dumps(kept)
