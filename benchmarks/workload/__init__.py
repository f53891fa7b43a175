"""What is to be run: cells, shapes, data, and the work they ask for."""
