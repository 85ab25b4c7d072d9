"""Who waited when a list took their place, as long as some of them are yet to be ended."""

import sqlalchemy as sa
from alembic import op

revision = "0059"
down_revision = "0066"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    for name in ("replaced_from", "replaced_before"):
        op.add_column("batches", sa.Column(name, _BIG, nullable=True))
