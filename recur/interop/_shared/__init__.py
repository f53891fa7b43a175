"""What converters of several libraries share."""
