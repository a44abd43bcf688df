"""Recordings as the field makes them: what recorders write, and what is read of it."""
