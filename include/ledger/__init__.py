"""The ledger: the work queue of the platform, a table we own."""
