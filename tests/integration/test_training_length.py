"""How long an update trains: the scale's number of epochs, or what the control makes of it."""

from pathlib import Path

import pytest

from cladeflow.runners import inline
from cladeflow.session import Session
from cladeflow.telemetry import read_metrics
from tests.homes import begun, commits


def trained(directory: Path, schedule: str) -> float:
    """Loss tokens of the first update of a generation."""
    home = begun(directory, "star", f"control={{fixed: {{schedule: {{{schedule}}}}}}}")
    with Session(home) as session:
        inline.run(session, 1)
        update = next(c for call, c in commits(session).items() if call.endswith("/fine_tune.0"))
        return read_metrics(session.store, update.metrics).value(
            "cladeflow_trained_tokens_total", role="actor"
        )


def test_an_update_trains_for_a_multiple_of_the_scales_epochs(tmp_path: Path) -> None:
    once = trained(tmp_path / "once", "")
    assert once > 0
    assert trained(tmp_path / "thrice", "epochs_factor: [3]") == pytest.approx(3 * once)
    both = trained(tmp_path / "both", f"epochs_factor: [3], loss_tokens: [{once:.0f}]")
    assert both == pytest.approx(once, rel=0.5), "a number of tokens goes before one of epochs"
