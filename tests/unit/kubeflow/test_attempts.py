"""The ledger of attempts, and what status says of it."""

from pathlib import Path

from cladeflow.kubeflow.attempts import Ledger, troubled


def test_what_went_wrong_is_told_in_order(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    assert ledger.newest == 0
    ledger.begin("1/plan").end("bug", "an older generation")
    ledger.begin("2/plan").end("done")
    ledger.begin("2/0/main.0/rollout").end("transient", "connection reset")
    ledger.begin("2/0/main.0/rollout", reduced=1).end("done")
    ledger.begin("2/0/main.0/rollout/share-1")
    assert ledger.newest == 2
    told = {
        task: ", then ".join(map(str, tried))
        for task, tried in troubled(ledger.all(ledger.newest)).items()
    }
    assert told == {
        "2/0/main.0/rollout": "transient (connection reset), then done",
        "2/0/main.0/rollout/share-1": "under way or killed",
    }
    assert [attempt.reduced for attempt in ledger.of("2/0/main.0/rollout")] == [0, 1]
