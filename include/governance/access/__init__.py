"""Who may see and do what: roles, the people a decision waits for, what is written down."""
