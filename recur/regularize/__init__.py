"""What keeps a cell from learning by heart."""
