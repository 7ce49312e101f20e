"""The archive's migrations, shipped with the package and run when an archive is opened."""

REVISIONS = ("0001", "0002", "0003", "0004")
"""Oldest first: an archive at a revision that is not listed was written by a newer Cladeflow."""
