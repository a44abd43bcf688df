"""Watching the platform: figures to a sink, notices to people."""
