"""The laws of the design, each on every row of the table of cells."""
