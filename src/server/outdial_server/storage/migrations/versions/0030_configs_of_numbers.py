"""Phone numbers that are dialled from with a carrier config of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"

_BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("phone_numbers", sa.Column("carrier_config_key", _BIG, nullable=True))
