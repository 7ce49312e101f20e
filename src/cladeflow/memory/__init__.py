"""What agents keep outside their weights."""
