"""Other names of models: those that launches give, and those of the setting `model_aliases`, which may be patterns. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from modelyard.core.names import BASE


@dataclass(frozen=True, slots=True)
class AliasRule:
    """One entry of the setting: the names that match `pattern` stand for `model`."""

    pattern: str
    """A name, in which one `*` stands for any text."""
    model: str

    @property
    def exact(self) -> bool:
        """Whether the pattern is a single name."""
        return "*" not in self.pattern

    def matches(self, name: str) -> bool:
        """Whether a name stands for the model. A knowledge base's name matches only a pattern that begins as such names do."""
        if self.exact:
            return name == self.pattern
        start, _, end = self.pattern.partition("*")
        long_enough = len(name) >= len(start) + len(end)
        return long_enough and name.startswith(start) and name.endswith(end) and not name.startswith(BASE)


def read_aliases(text: str) -> tuple[AliasRule, ...]:
    """Parse `NAME=MODEL` entries separated by commas. Raises `ValueError`, which names the wrong entry."""
    rules: dict[str, AliasRule] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, equals, model = (part.strip() for part in entry.partition("="))
        if not equals or not name or not model:
            raise ValueError(f"'{entry}' is not of the form NAME=MODEL, such as gpt-*=qwen3")
        if name.count("*") > 1 or "*" in model:
            raise ValueError(f"'{entry}': a name has one '*' at most, and a model's name has none")
        if name == model:
            raise ValueError(f"'{entry}': the name is the model's own")
        if name in rules:
            raise ValueError(f"'{name}' stands for both '{rules[name].model}' and '{model}'")
        rules[name] = AliasRule(name, model)
    return tuple(sorted(rules.values(), key=lambda rule: not rule.exact))


class Aliases:
    """Which model a name stands for. The gateway replaces the names with each route table; all others only read."""

    def __init__(self, rules: Sequence[AliasRule] = ()) -> None:
        """`rules` are tried in order, for names that no model, adapter or launch has."""
        self._rules = tuple(rules)
        self._names: Mapping[str, str] = {}

    def publish(self, names: Mapping[str, str]) -> None:
        """Use these names: each public name with the name of its model, which is the same unless it is an alias."""
        self._names = names

    def model_of(self, name: str) -> str:
        """The name of the model or adapter that a name stands for; the name itself if it is no alias."""
        if (model := self._names.get(name)) is not None:
            return model
        return next((rule.model for rule in self._rules if rule.matches(name)), name)

    def of(self, model: str) -> Iterator[str]:
        """The aliases of a model and the patterns that stand for it."""
        yield from (name for name, target in self._names.items() if target == model != name)
        yield from (rule.pattern for rule in self._rules if rule.model == model and rule.pattern not in self._names)


NO_ALIASES = Aliases()
