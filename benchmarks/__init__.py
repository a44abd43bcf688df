"""What is claimed about speed: each module is a command that prints a table."""
