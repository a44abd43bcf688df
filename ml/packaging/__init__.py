"""The sealed model package: build it, unpack it."""
