"""The bias audit: how the system treats groups of people, with intervals and a verdict."""
