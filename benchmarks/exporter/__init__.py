"""How fast a scrape is with thousands of generations behind it."""
