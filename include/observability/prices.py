"""The editable price table: what an hour of a machine costs, from where, checked when."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from include.contracts.errors import ConfigurationError

_SETTING = "FEX_WATCH__PRICE_TABLE"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Price(_Part):
    """One price, in the table's currency."""

    price: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    source: Annotated[str, Field(min_length=1)]
    checked: date
    """The day somebody compared it with the source."""


class PriceTable(_Part):
    """Prices of machines by the hour."""

    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    """ISO 4217."""
    worker_cpu_hour: Price
    """An hour of one busy core where Airflow's tasks run."""
    region: str
    """The AWS region whose prices `instance_hour` holds."""
    instance_hour: dict[str, Price]
    """An hour of one instance of an inference job, by instance type."""

    @classmethod
    def load(cls, path: Path) -> PriceTable:
        """Read a table.

        Raises:
            ConfigurationError: The file cannot be read or is no price table; says where.
        """
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            return cls.model_validate(content)
        except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigurationError(_SETTING, f"{path}: {error}") from error
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(part) for part in first["loc"]) or "the file"
            raise ConfigurationError(_SETTING, f"{path}: {where}: {first['msg']}") from error

    def cost(self, *, cpu_s: float, instance_s: float, instance_type: str | None) -> float:
        """What some work cost, in the table's currency.

        Args:
            cpu_s: CPU seconds of tasks.
            instance_s: Seconds of inference jobs times their instances.
            instance_type: Of those jobs; None where the workers did the inference
                themselves, so that it is in `cpu_s`.

        Raises:
            ConfigurationError: The table has no price for the instance type.
        """
        hourly = 0.0
        if instance_type is not None:
            if instance_type not in self.instance_hour:
                raise ConfigurationError(
                    _SETTING, f"has no price of an hour of {instance_type} under instance_hour"
                )
            hourly = self.instance_hour[instance_type].price
        return (cpu_s * self.worker_cpu_hour.price + instance_s * hourly) / 3600.0
