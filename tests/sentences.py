"""What must not stand in an error that a person reads."""

from __future__ import annotations

import re

PYTHONS = re.compile(
    r"Errno|Traceback|\bb'|<class|object is not|object has no|codec can't|NoneType|argument of type"
    r"|\b[A-Z]\w+(Error|Exception)\b"
)
CLAUSE = re.compile(r"[:;.] ")


def flaws(text: str, name: str = "") -> list[str]:
    """Words of Python in a sentence, clauses that it says twice, and a file's name that is in it more than once."""
    found = [match[0] for match in PYTHONS.finditer(text)]
    clauses = [clause.strip(" .'") for clause in CLAUSE.split(text)]
    found += [clause for at, clause in enumerate(clauses) if len(clause) > 9 and clause in clauses[:at]]
    if name and text.count(name) > 1:
        found.append(f"{name} is named {text.count(name)} times")
    return found
