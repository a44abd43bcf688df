"""Backup and restore: databases and objects of a platform, in an order that can be gone on from.

`databases` copies one database as of one moment, `objects` a folder or bucket with checksums,
`parts` says what a platform consists of, `run` does both ways. Why in this order, and what
erasure means for old backups: docs/decisions/0034-backup.md.
"""
