"""A long stage is watched while it works."""

from pathlib import Path
from urllib.request import urlopen

import pytest

from cladeflow.errors import CladeflowError
from cladeflow.runners import inline
from cladeflow.session import Session
from cladeflow.telemetry.live import Live, served
from tests.evolved import start
from tests.prometheus import needs_prometheus, promtool


def scraped(url: str) -> dict[str, float]:
    with urlopen(url) as answer:
        lines = answer.read().decode().splitlines()
    return {
        name: float(value)
        for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    }


def test_counters_grow_while_a_generation_runs(tmp_path: Path) -> None:
    seen: list[dict[str, float]] = []
    where: list[str] = []

    def scrape(what: str, done: int, total: int) -> None:
        if what.endswith(("rollout", "fine_tune.0")) and done:
            seen.append(scraped(where[0]))

    with Session(start(tmp_path), scrape) as session, served(session.live, "0") as url:
        where.append(url)
        inline.run(session, 1)
        last = scraped(url)
    assert len(seen) > 2
    tokens = [one['cladeflow_live_generated_tokens_total{role="actor"}'] for one in seen]
    assert 0 < tokens[0] <= tokens[1] <= last['cladeflow_live_generated_tokens_total{role="actor"}']
    assert seen[0]['cladeflow_live_done_items{stage="rollout"}'] == 3
    assert seen[0]['cladeflow_live_planned_items{stage="rollout"}'] == 6
    assert seen[-1]['cladeflow_live_done_items{stage="fine_tune"}'] > 0
    assert last['cladeflow_live_verdicts_total{outcome="checked"}'] > 0
    assert last["cladeflow_live_model_seconds_total"] > 0


@needs_prometheus
def test_what_is_served_is_well_formed() -> None:
    live = Live()
    live.progress("3/0/main.0/rollout", 1, 2)
    live.generated("actor", 5)
    with served(live, "127.0.0.1:0") as url, urlopen(url) as answer:
        text = answer.read().decode()
    assert 'cladeflow_live_done_items{stage="rollout"} 1.0' in text
    checked = promtool("check", "metrics", given=text)
    assert checked.returncode == 0 and not checked.stdout + checked.stderr


def test_an_address_that_cannot_be_had_is_refused_unless_nobody_asked_for_it() -> None:
    with served(Live(), "0") as url:
        taken = url.removeprefix("http://").removesuffix("/metrics")
        with (
            pytest.raises(CladeflowError, match="in use by another process"),
            served(Live(), taken),
        ):
            pass
        with served(Live(), taken, required=False) as other:
            assert not other
    with (
        pytest.raises(CladeflowError, match="--live metrics: give PORT"),
        served(Live(), "metrics"),
    ):
        pass
    with served(Live(), None) as nowhere:
        assert not nowhere
