"""The platform of the end-to-end tests, for those that take too long for `make test`."""

from tests.e2e.conftest import platform

__all__ = ["platform"]
