"""Files of this package in launches: by their place in the package, which can move, in place of their absolute path."""

import json
import re

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

DEMO = re.compile(r"(?:^|/)modelyard/(catalog/demo/.+)$")
"""The weights that come with the package, wherever it was."""


def upgrade() -> None:
    bind = op.get_bind()
    deployments = sa.table("deployments", sa.column("uid", sa.String), sa.column("launch", sa.JSON))
    for uid, launch in bind.execute(sa.select(deployments.c.uid, deployments.c.launch)).all():
        model = launch.get("model") or {}
        match = DEMO.search(path) if isinstance(path := model.get("path"), str) else None
        if match is not None:
            moved = {**launch, "model": {**model, "path": {"package": match[1]}}}
            bind.execute(deployments.update().where(deployments.c.uid == uid).values(launch=moved))


def downgrade() -> None:
    """Launches of the demo model cannot be read by an older version, which asks for a path that it can find."""
    bind = op.get_bind()
    for uid, launch in bind.execute(sa.text("SELECT uid, launch FROM deployments")).all():
        text = launch if isinstance(launch, str) else json.dumps(launch)
        if '"package"' in text or '"home"' in text:
            bind.execute(sa.text("DELETE FROM deployments WHERE uid = :uid"), {"uid": uid})
