"""A whole fieldwork day's recordings at once, in batches as they are by default."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.large_drop import check_large_drop

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]


def test_three_hundred_at_once_of_which_ten_are_bad(tmp_path: Path) -> None:
    check_large_drop(tmp_path, 300, bad=10, per_batch=100)
