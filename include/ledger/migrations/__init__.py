"""Alembic migrations of the ledger, run by `include.ledger.engine`."""
