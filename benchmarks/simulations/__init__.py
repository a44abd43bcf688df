"""How often the rules err: each module runs the platform's own rule on made data, many times."""
