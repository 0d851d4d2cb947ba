"""Check the types of the web page: `python -m tools.page_check`, which `make check` calls.

The page is JavaScript with types in JSDoc. TypeScript checks it, once installed into `.venv/page_types` as
`tools/page_types/package-lock.json` pins it, with the declarations of the libraries that lie in `static/vendor/`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tools.node import installed, node

ROOT = Path(__file__).resolve().parents[1]
RECIPE = ROOT / "tools" / "page_types"
FOLDER = ROOT / ".venv" / "page_types"
CONFIGURATION = ROOT / "src" / "modelyard" / "ui" / "tsconfig.json"


def main() -> int:
    """The exit code: TypeScript's, or of what is lacking, 1 in CI and 0 elsewhere."""
    try:
        compiler = install()
    except (ModuleNotFoundError, OSError, subprocess.SubprocessError) as error:
        print(
            f"The types of the web page are not checked: TypeScript could not be installed ({error}).", file=sys.stderr
        )
        return 1 if os.environ.get("CI") else 0
    command = [node(), str(compiler), "--project", str(CONFIGURATION)]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def install() -> Path:
    """The path of the compiler, installed now if it is not there or was installed by another lock file."""
    with installed(FOLDER, RECIPE, "TypeScript for the web page"):
        return FOLDER / "node_modules" / "typescript" / "bin" / "tsc"


if __name__ == "__main__":
    sys.exit(main())
