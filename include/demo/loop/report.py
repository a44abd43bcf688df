"""What the demonstration prints: a line for each step, a table at the end, where to look."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from include.demo.loop.settings import APPROVER, AUDITOR
from include.demo.loop.stage import Stage, Told, to_json
from include.platform.console import duration
from include.platform.credentials import ADMIN
from include.platform.layout import HOME_VARIABLE
from include.platform.supervisor import Platform

STORY = "demo-loop.json"
"""In the home: every step for machines."""


def show_step(console: Console, told: Told) -> None:
    """Print what a step came to."""
    took = duration(told.took_s)
    console.print(f"{told.step} ({took}): {told.decided}.", markup=False, highlight=False)


def show_table(console: Console, stage: Stage, told: Sequence[Told]) -> None:
    """Print the closing table, then where to look at each step."""
    table = Table("", "step", "took", "what was decided", title_justify="left", show_lines=True)
    for number, item in enumerate(told, start=1):
        table.add_row(str(number), item.step, duration(item.took_s), item.decided)
    console.print(table, markup=False, soft_wrap=False)
    for number, item in enumerate(told, start=1):
        for where in _places(stage, item):
            console.print(f"  {number}  {where}", markup=False, highlight=False, soft_wrap=True)


def _places(stage: Stage, told: Told) -> list[str]:
    places = [stage.url(*told.run)] if told.run else []
    return [*places, str(told.path)] if told.path else places


def show_addresses(console: Console, platform: Platform) -> None:
    """Say how to look at it in Airflow, and how to stop it."""
    home = platform.layout.home
    lines = (
        f"Airflow    {platform.settings.base_url}",
        f"users      {ADMIN}, {APPROVER} (approves), {AUDITOR} (signs)",
        f"passwords  {platform.layout.passwords_file}",
        f"lake       {platform.layout.lake}",
        f"stop it    {HOME_VARIABLE}={home} make down",
    )
    for line in lines:
        console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)


def write_story(home: Path, told: Sequence[Told], failed: str | None) -> None:
    """Write the steps for machines; `failed` says what ended them early."""
    content = {"steps": to_json(told), "failed": failed}
    text = json.dumps(content, indent=1, ensure_ascii=False)
    (home / STORY).write_text(text + "\n", encoding="utf-8")
