"""The price table: read strictly, applied exactly."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from include.contracts.errors import ConfigurationError
from include.observability.prices import PriceTable
from include.settings import TransformSettings, WatchSettings

SHIPPED = WatchSettings().price_table


def shipped() -> dict:
    return yaml.safe_load(SHIPPED.read_text())


def write(folder: Path, content: object) -> Path:
    path = folder / "prices.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_the_shipped_table_is_free_here_and_prices_the_default_instance() -> None:
    table = PriceTable.load(SHIPPED)
    assert table.cost(cpu_s=1e6, instance_s=0.0, instance_type=None) == 0.0
    default = TransformSettings().instance_type
    assert table.cost(cpu_s=0.0, instance_s=7200.0, instance_type=default) == pytest.approx(0.23)


def test_costs_of_tasks_and_jobs_add_up(tmp_path: Path) -> None:
    content = shipped()
    content["worker_cpu_hour"]["price"] = 0.04
    table = PriceTable.load(write(tmp_path, content))
    cost = table.cost(cpu_s=1800.0, instance_s=360.0, instance_type="ml.m5.xlarge")
    assert cost == pytest.approx(0.02 + 0.023)


def test_a_missing_price_is_reported_and_never_guessed() -> None:
    with pytest.raises(ConfigurationError, match=r"FEX_WATCH__PRICE_TABLE.*ml\.p9\.huge"):
        PriceTable.load(SHIPPED).cost(cpu_s=0, instance_s=1, instance_type="ml.p9.huge")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda t: t["instance_hour"]["ml.m5.large"].pop("source"), "ml.m5.large.source"),
        (lambda t: t["instance_hour"]["ml.m5.large"].pop("checked"), "ml.m5.large.checked"),
        (lambda t: t["worker_cpu_hour"].update(price=-1), "worker_cpu_hour.price"),
        (lambda t: t["worker_cpu_hour"].update(price=float("nan")), "worker_cpu_hour.price"),
        (lambda t: t.update(currency="dollars"), "currency"),
        (lambda t: t.update(discount=0.1), "discount"),
    ],
)
def test_a_table_that_is_wrong_says_where(tmp_path: Path, change: object, where: str) -> None:
    content = shipped()
    change(content)
    with pytest.raises(ConfigurationError, match=where):
        PriceTable.load(write(tmp_path, content))


@pytest.mark.parametrize("content", ["[1", "just words", "\xff"])
def test_a_file_that_is_no_table_names_the_setting(tmp_path: Path, content: str) -> None:
    path = tmp_path / "prices.yaml"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigurationError, match=f"FEX_WATCH__PRICE_TABLE.*{path.name}"):
        PriceTable.load(path)


def test_a_table_that_is_not_there_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="FEX_WATCH__PRICE_TABLE"):
        PriceTable.load(tmp_path / "nothing.yaml")
