"""Lists the model architectures that an engine can run on this machine, from the families of the catalog."""

from __future__ import annotations

from modelyard.catalog.index import Catalog
from modelyard.catalog.memory import sketch
from modelyard.catalog.resolve import matching
from modelyard.control.interpreters import absent
from modelyard.control.placement import Machine
from modelyard.core.types import ModelType
from modelyard.engines import ENGINES

ABILITIES = ("chat", "generate")


def supported_architectures(engine_name: str, catalog: Catalog, machine: Machine) -> dict[str, list[str]]:
    """Ability → architectures of the language models that an engine runs here; empty if the engine cannot run.

    A family counts if the engine accepts one of its variants on this hardware, whether or not its weights fit into memory.
    """
    architectures: dict[str, set[str]] = {ability: set() for ability in ABILITIES}
    if engine_name in ENGINES and not absent(engine := ENGINES.get(engine_name), machine.engines):
        for family in catalog.families(ModelType.LLM):
            if any(engine.fits(sketch(variant), machine.hardware).score for variant in matching(family)):
                for ability in architectures.keys() & set(family.abilities):
                    architectures[ability].update(family.architectures)
    return {ability: sorted(names) for ability, names in architectures.items()}
