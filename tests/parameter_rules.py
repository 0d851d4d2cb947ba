"""What an engine's rules say, for tests."""

from __future__ import annotations

from modelyard.core.rules import Refuse, Rules
from modelyard.core.types import Task


def refused(rules: Rules, task: Task = Task.CHAT) -> set[str]:
    """The parameters that rules refuse whatever stands beside them."""
    return {name for name, rule in rules.by_task[task].items() if isinstance(rule, Refuse) and not rule.beside}
