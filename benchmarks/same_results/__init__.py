"""Whether this build publishes what an earlier one did: `make same-results ARGS=78251cd`."""
