"""How a program is built, checked against ours, timed and held to the limit."""
