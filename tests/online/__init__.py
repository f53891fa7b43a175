"""Online learners against back-propagation through time."""
