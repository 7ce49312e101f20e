"""``cladeflow solve``: put a task to an agent, beside another one if asked."""

from pathlib import Path

import click

from cladeflow.cli.inspect import opened, print_attempt
from cladeflow.cli.output import HOME_OPTION, JSON_OPTION, print_json


@click.command()
@click.argument("task")
@click.option("--agent", default="champion", show_default=True, help="champion, initial or an id.")
@click.option("--compare", metavar="AGENT", help="A second agent, to see both answers.")
@click.option("--temperature", default=0.0, show_default=True, help="0 is greedy.")
@click.option("--seed", default=0, show_default=True, help="Which task of a cell, which sample.")
@HOME_OPTION
@JSON_OPTION
def solve(
    task: str,
    agent: str,
    compare: str | None,
    temperature: float,
    seed: int,
    home: Path,
    as_json: bool,
) -> None:
    """Let an agent solve TASK: a text such as "chain 47+6-9", or a cell such as chain/6."""
    from cladeflow.solve import Answer
    from cladeflow.solve import solve as put

    with opened(home) as session:
        names = [agent, *([compare] if compare else [])]
        answers: list[Answer] = [put(session, task, name, temperature, seed) for name in names]
    if as_json:
        print_json([answer.to_json() for answer in answers])
        return
    for answer in answers:
        if len(answers) > 1:
            click.echo(f"{answer.name} ({answer.agent_id[:12]}):")
        print_attempt(answer.task, answer.trajectory, answer.verdict)
