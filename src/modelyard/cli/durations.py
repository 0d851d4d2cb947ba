"""Lengths of time on the command line."""

from __future__ import annotations

import re
from typing import Any

import click

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


class Duration(click.ParamType[float]):
    """`90s`, `30m`, `12h`, `30d`, `52w`, or seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhdw]?)", str(value).strip())
        if found is None or float(found[1]) <= 0:
            self.fail(f"'{value}' is no time such as 12h or 30d.", param, ctx)
        return float(found[1]) * UNITS[found[2] or "s"]
