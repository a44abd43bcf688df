"""A platform is lost while a model answers, and restored: on SQLite and on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration import test_backup
from tests.integration.test_backup import World, lose_at_work
from tests.media.make_media import good_video

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

postgresql, new_database, world = (
    test_backup.postgresql,
    test_backup.new_database,
    test_backup.world,
)


@pytest.mark.parametrize("round_", range(3))
def test_a_platform_that_was_lost_at_work_goes_on(
    world: World, tmp_path: Path, round_: int
) -> None:
    lose_at_work(world, tmp_path, good_video)
