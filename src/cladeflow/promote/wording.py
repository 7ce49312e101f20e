"""How gates put differences into words."""

from cladeflow.records import Delta


def change(delta: Delta) -> str:
    """Such as: rose by 6.2 points (95 % interval +1.1 to +11.3, 400 tasks)."""
    verb = "rose" if delta.delta > 0 else "fell" if delta.delta < 0 else "moved"
    return (
        f"{verb} by {100 * abs(delta.delta):.1f} points ({100 * delta.confidence:.4g} % interval "
        f"{100 * delta.lo:+.1f} to {100 * delta.hi:+.1f}, {delta.n} tasks)"
    )
