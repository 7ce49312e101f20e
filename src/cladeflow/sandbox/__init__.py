"""Where untrusted text is judged: a killable process, the only one that opens the gold store."""
