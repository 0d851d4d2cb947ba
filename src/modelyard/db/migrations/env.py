"""Entry point of every alembic command: migrates our tables on the connection in the configuration."""

from alembic import context

from modelyard.db.tables import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
