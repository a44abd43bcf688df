"""A bounded mutation run: damaged recordings go through the product, and each has an end."""
