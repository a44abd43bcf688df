"""The data lake: its key layout and the few object-store operations stages share."""
