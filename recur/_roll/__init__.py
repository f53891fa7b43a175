"""Rolling over time: the one door and the ways behind it."""
