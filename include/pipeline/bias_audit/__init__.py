"""The bias audit as stages: panels, audit, sign-off, what follows."""
