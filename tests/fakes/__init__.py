"""Stand-ins that do the work of what they stand in for."""
