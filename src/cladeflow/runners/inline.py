"""All calls of a generation in this process: models stay loaded from stage to stage."""

from cladeflow.session import Session
from cladeflow.visit import Visit


def run(session: Session, generation: int) -> None:
    """Run what is missing of a generation."""
    visit = Visit(session)
    for node in visit.nodes(generation):
        visit.commit(node)
