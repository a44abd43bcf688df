"""Fresh labels: drawing what people should label, and reading their answers back."""
