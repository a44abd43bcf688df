"""`make capacity`: measure what recordings and Airflow cost, and write docs/capacity.md."""

from __future__ import annotations

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks.capacity import airflow_costs, costs
from benchmarks.capacity.airflow_costs import AirflowCosts
from benchmarks.capacity.costs import Costs
from benchmarks.capacity.page import page
from benchmarks.capacity.scales import HOURS_A_MONTH, Prices, Scale, scale
from include.settings import DiscoverySettings

_ROOT = Path(__file__).parents[2]
PAGE, MEASURED = _ROOT / "docs" / "capacity.md", _ROOT / "benchmarks" / "results" / "capacity.json"


def main() -> None:
    """Measure for about four minutes unless that is done, then write the page."""
    parser = argparse.ArgumentParser(prog="capacity", description=__doc__)
    parser.add_argument("--core-hour", type=float, default=Prices().core_h, help="US dollars")
    parser.add_argument(
        "--again", action="store_true", help="measure nothing: take what was measured last"
    )
    options = parser.parse_args()
    if not options.again:
        _measure()
    measured, airflow = read()
    prices = Prices(core_h=options.core_hour)
    PAGE.write_text(page(measured, airflow, scales(measured, airflow, prices), prices))
    print(f"written: {PAGE}")


def scales(measured: Costs, airflow: AirflowCosts, prices: Prices) -> list[Scale]:
    """Return what each of `HOURS_A_MONTH` needs at the shipped settings."""
    return [
        scale(
            hours,
            measured,
            airflow,
            measured_batch=costs.EACH,
            measured_s=costs.SHORT_S,
            settings=DiscoverySettings(),
            prices=prices,
        )
        for hours in HOURS_A_MONTH
    ]


def read() -> tuple[Costs, AirflowCosts]:
    """Return what was measured last."""
    kept = json.loads(MEASURED.read_text())
    return Costs(**kept["recordings"]), AirflowCosts(**kept["airflow"])


def _measure() -> None:
    with tempfile.TemporaryDirectory() as home:
        print("measuring recordings on a store", flush=True)
        measured, _ = costs.measure(Path(home))
    with tempfile.TemporaryDirectory() as home:
        print("measuring a batch in Airflow", flush=True)
        airflow = airflow_costs.measure(Path(home), recordings=costs.EACH, seconds=costs.SHORT_S)
    MEASURED.parent.mkdir(exist_ok=True)
    kept = {"recordings": asdict(measured), "airflow": asdict(airflow)}
    MEASURED.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
