"""From answers of the model to what people read: predictions, tables, summaries, reports."""
