"""Templates of users: rendered in child processes, within limits, and one that breaks its process breaks nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from modelyard.core.templates import DEEPEST, LONGEST_TEMPLATE, TemplateProblem, TemplateProcesses

LOOPS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


@pytest.fixture
def processes() -> Iterator[TemplateProcesses]:
    made = TemplateProcesses()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        (LOOPS, "processor time"),
        ("{{ ('a' * 700000000) | length }}", "MiB of memory"),
        ("{% for a in range(99999) %}" + "a" * 100 + "{% endfor %}", "characters"),
        ("{{ " + "(" * (DEEPEST + 1) + "1" + ")" * (DEEPEST + 1) + " }}", "nested too deeply"),
        ("{% if 1 %}" * 500, "nested too deeply"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "nested too deeply"),
        ("{{ 9 ** (9 ** 9) }}", "processor time"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ missing.field }}", "undefined"),
        ("{% if %}", "line 1"),
        ("a" * (LONGEST_TEMPLATE + 1), "more than"),
    ],
)
def test_what_a_template_may_not(processes: TemplateProcesses, template: str, problem: str) -> None:
    async def main() -> None:
        with pytest.raises(TemplateProblem, match=problem):
            await processes.render(template, {})
        assert await processes.render("{{ question }}", {"question": "{{ 1 }}"}) == "{{ 1 }}"

    asyncio.run(main())


def test_one_that_takes_long_does_not_hold_up_others(processes: TemplateProcesses) -> None:
    async def main() -> None:
        slow = asyncio.create_task(processes.render(LOOPS, {}))
        await asyncio.sleep(0)
        assert await processes.render("{{ 1 + 1 }}", {}) == "2"
        assert not slow.done()
        with pytest.raises(TemplateProblem):
            await slow

    asyncio.run(main())


def test_parsing_runs_nothing(processes: TemplateProcesses) -> None:
    processes.parse(LOOPS + "{% for m in messages %}{% break %}{% endfor %}")
    with pytest.raises(TemplateProblem, match="line 2"):
        processes.parse("\n{% for %}")
