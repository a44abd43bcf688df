"""The model: data, training, evaluation, packaging, registry, serving. Imports no Airflow."""
