"""The batch inference job as an Airflow task: operator, trigger, choice of the backend."""
