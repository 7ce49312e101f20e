"""Who is in charge, changed by hand: promote, rollback."""

import getpass
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from cladeflow.cli.output import HOME_OPTION, JSON_OPTION, Reporter, print_json, print_table
from cladeflow.errors import CladeflowError
from cladeflow.home import Home

if TYPE_CHECKING:
    from cladeflow.promote.by_hand import Promotion
    from cladeflow.promote.rollback import Rollback
    from cladeflow.records import EvalReport

SHORT = 12


def person() -> str:
    """Who gives a command, as the archive records it."""
    return f"{getpass.getuser()}@{platform.node()}"


@click.command()
@click.argument("agent")
@click.option(
    "--override", metavar="REASON", help="Promote whatever the gates say, and record why."
)
@HOME_OPTION
@JSON_OPTION
def promote(agent: str, override: str | None, home: Path, as_json: bool) -> None:
    """Put AGENT in charge if the recipe's gates pass it against the present champion.

    Exits with 1 where it is not promoted.
    """
    from cladeflow.evolution import in_charge
    from cladeflow.promote.by_hand import promote as ask

    if override is not None and not override.strip():
        raise CladeflowError("--override needs a reason, which the history keeps")
    with Reporter(quiet=as_json) as told, in_charge(Home(home), told, told.say) as session:
        found = ask(session, agent, person(), override)
    if as_json:
        print_json(_promotion_json(found))
    else:
        _print_promotion(found, override)
    if not found.promoted:
        sys.exit(1)


def _promotion_json(found: "Promotion") -> dict[str, Any]:
    return {
        "agent": found.agent.id,
        "incumbent": found.incumbent.id,
        "promoted": found.promoted,
        "decisions": [d.model_dump(mode="json") for d in found.decisions],
    }


def _print_promotion(found: "Promotion", override: str | None) -> None:
    agent, incumbent = found.agent.id[:SHORT], found.incumbent.id[:SHORT]
    if agent == incumbent:
        click.echo(f"{agent} is champion already")
        return
    rows = [[d.gate, d.outcome, "; ".join(d.reasons)] for d in found.decisions]
    print_table(["gate", "decision", f"why ({agent} against {incumbent})"], rows)
    if not found.promoted:
        click.echo(f"{agent} is not promoted; {incumbent} stays champion")
    else:
        said = f", overriding the gates: {override}" if override else ""
        click.echo(f"{agent} is champion now, in place of {incumbent}{said}")


@click.command()
@click.option("--to", metavar="VERSION|AGENT", help="A former champion.  [default: the one before]")
@click.option("--reason", default="", help="Kept in the history.")
@HOME_OPTION
@JSON_OPTION
def rollback(to: str | None, reason: str, home: Path, as_json: bool) -> None:
    """Put an earlier champion back in charge: its weights, scaffold and memory.

    VERSION is its number in MLflow. The restored agent is then compared with the one it replaces.
    """
    from cladeflow.evolution import in_charge
    from cladeflow.promote.comparison import compare
    from cladeflow.promote.rollback import roll_back

    with Reporter(quiet=as_json) as told, in_charge(Home(home), told, told.say) as session:
        found = roll_back(session, person(), to, reason)
        report, problem = None, ""
        try:
            report = compare(session, found.restored, found.replaced)
        except CladeflowError as error:
            problem = str(error)
    if as_json:
        print_json(_rollback_json(found, report))
    else:
        _print_rollback(found, report, problem)


def _rollback_json(found: "Rollback", report: "EvalReport | None") -> dict[str, Any]:
    return {
        "restored": found.restored.id,
        "replaced": found.replaced.id,
        "report": report.model_dump(mode="json") if report else None,
    }


def _print_rollback(found: "Rollback", report: "EvalReport | None", problem: str) -> None:
    click.echo(str(found))
    if found.restored.id == found.replaced.id:
        return
    if report is None:
        click.echo(f"warning: the two could not be compared: {problem}", err=True)
        return
    rows = _compared(report)
    print_table(["suite", "metric", "restored", "restored - replaced", "interval", "tasks"], rows)


def _compared(report: "EvalReport") -> Sequence[Sequence[object]]:
    """Every difference over all tasks of a suite, or by family where there is no other."""
    scores = {(r.suite, r.family, r.metric): r.value for r in report.rows}
    rows = []
    for d in report.deltas:
        overall = d.family == "all" or (d.suite, "all", d.metric) not in {
            (other.suite, other.family, other.metric) for other in report.deltas
        }
        if overall:
            unit = 1 if d.metric == "tokens" else 100
            score = scores.get((d.suite, d.family, d.metric))
            rows.append(
                [
                    d.suite if d.family == "all" else f"{d.suite}, {d.family}",
                    d.metric,
                    "-" if score is None else f"{unit * score:.1f}",
                    f"{unit * d.delta:+.1f}",
                    f"{unit * d.lo:+.1f} to {unit * d.hi:+.1f}",
                    d.n,
                ]
            )
    return rows
