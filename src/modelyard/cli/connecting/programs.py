"""The programs that `modelyard connect` knows."""

from __future__ import annotations

from modelyard.cli.connecting.coding import CODING
from modelyard.cli.connecting.editors import EDITORS
from modelyard.cli.connecting.libraries import LIBRARIES
from modelyard.cli.connecting.pages import PAGES
from modelyard.cli.connecting.setup import Program

PROGRAMS: dict[str, Program] = {program.name: program for program in (*CODING, *EDITORS, *PAGES, *LIBRARIES)}
