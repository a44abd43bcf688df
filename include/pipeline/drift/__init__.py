"""The drift monitor: what was published, day by day, against a reference and the weeks before."""
