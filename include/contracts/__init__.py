"""What rooms agree on: labels, identities, reason codes, row schemas, errors.

Imports no other room.
"""
