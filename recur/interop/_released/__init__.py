"""What the readers of released weights share: names, prefixes, sources and checks."""
