"""From options to rows: what a run does, case by case."""
