"""The network and what happens before it."""
