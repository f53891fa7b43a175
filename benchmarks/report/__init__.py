"""What becomes of measurements: records, tables, pictures, comparisons."""
