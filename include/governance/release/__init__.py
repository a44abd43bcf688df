"""Releasing a model: what it must show, what would change, who decided."""
