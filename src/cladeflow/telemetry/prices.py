"""What committed work costs: seconds and tokens times the prices of a table."""

from importlib.resources import files
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, ValidationError

from cladeflow.errors import CladeflowError
from cladeflow.records import Value
from cladeflow.telemetry.collector import Metrics

Dollars = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_SECONDS = {"cpu": "cladeflow_cpu_seconds_total", "gpu": "cladeflow_gpu_seconds_total"}
_MILLION = 1e6


class TokenPrice(Value):
    """Dollars per million tokens of an endpoint that serves a role."""

    prompt: Dollars = 0.0
    generated: Dollars = 0.0


class Prices(Value):
    """A price table.

    Without prices for a role its tokens cost nothing beyond the seconds that they take: only
    endpoints charge for tokens.
    """

    cpu_hour: Dollars = 0.0
    """Dollars per hour of CPU time (one core, busy)."""
    gpu_hour: Dollars = 0.0
    """Dollars per hour that a process holds one GPU."""
    tokens: dict[str, TokenPrice] = {}
    """By role."""

    @classmethod
    def read(cls, path: Path | None = None) -> "Prices":
        """The table in a YAML file, or the one that ships; raises `CladeflowError`."""
        source = path or files("cladeflow.telemetry") / "prices.yaml"
        try:
            return cls.model_validate(yaml.safe_load(source.read_text()) or {})
        except OSError as error:
            raise CladeflowError(f"--prices {path}: {error.strerror}") from error
        except (UnicodeDecodeError, yaml.YAMLError) as error:
            raise CladeflowError(f"--prices {path}: not YAML ({error})") from error
        except ValidationError as error:
            first = error.errors()[0]
            at = ".".join(map(str, first["loc"])) or "the file"
            raise CladeflowError(
                f"--prices {path}: {at}: {first['msg']}; it takes cpu_hour, gpu_hour and "
                "tokens (prompt and generated, per million, by role), in dollars"
            ) from error

    def cost(self, metrics: Metrics) -> dict[str, float]:
        """Dollars by resource (cpu, gpu, tokens) of the work that ``metrics`` count."""
        hourly = {"cpu": self.cpu_hour, "gpu": self.gpu_hour}
        cost = {
            resource: metrics.value(name) / 3600 * hourly[resource]
            for resource, name in _SECONDS.items()
        }
        cost["tokens"] = sum(
            metrics.value("cladeflow_prompt_tokens_total", role=role) * price.prompt / _MILLION
            + metrics.value("cladeflow_generated_tokens_total", role=role)
            * price.generated
            / _MILLION
            for role, price in self.tokens.items()
        )
        return cost
