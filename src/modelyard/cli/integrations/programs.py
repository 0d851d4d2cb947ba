"""The programs that `modelyard connect` knows."""

from __future__ import annotations

from modelyard.cli.integrations.coding import CODING
from modelyard.cli.integrations.editors import EDITORS
from modelyard.cli.integrations.libraries import LIBRARIES
from modelyard.cli.integrations.pages import PAGES
from modelyard.cli.integrations.setup import Program

PROGRAMS: dict[str, Program] = {program.name: program for program in (*CODING, *EDITORS, *PAGES, *LIBRARIES)}
