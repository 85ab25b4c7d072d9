"""Run by Alembic, over the connection that `storage.migrate` gives."""

from alembic import context

from outdial_server.storage.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
