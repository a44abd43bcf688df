"""What jobs of any kind share: their states, embedded processes, how one is adopted and awaited."""
