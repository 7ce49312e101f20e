"""``cladeflow approve``: sign for an agent that waits for a person."""

from pathlib import Path

import click

from cladeflow.cli.inspect import opened
from cladeflow.cli.output import HOME_OPTION


@click.command()
@click.argument("agent")
@click.option(
    "--key",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("~/.ssh/id_ed25519"),
    show_default=True,
    help="The private key to sign with, or the public one of a key that ssh-agent holds.",
)
@click.option(
    "--days",
    type=click.FloatRange(min=0, min_open=True),
    default=7.0,
    show_default=True,
    help="How long the approval holds.",
)
@click.option("--show", is_flag=True, help="Print what would be signed, and sign nothing.")
@HOME_OPTION
def approve(agent: str, key: Path, days: float, show: bool, home: Path) -> None:
    """Approve AGENT, which passed every gate but human_approval.

    The signature is over the digests of its weights, its scaffold's difference to the incumbent's
    and its report; the next 'evolve' promotes it.
    """
    from cladeflow.promote.approval import approve as sign_for
    from cladeflow.promote.approval import candidate
    from cladeflow.promote.signatures import require_signers

    with opened(home) as session:
        require_signers(session.home.allowed_signers)
        waiting = candidate(session, agent)
        click.echo(f"agent {waiting.agent.id[:12]} of generation {waiting.agent.gen}")
        click.echo(f"  report {waiting.report.id[:12]}: {waiting.fate.why}")
        click.echo(waiting.scaffold_diff or "  scaffold: as the incumbent's")
        if show:
            return
        signer = sign_for(session, waiting, key.expanduser(), days)
    click.echo(f"approved by {signer} for {days:g} days; 'cladeflow evolve' promotes it")
