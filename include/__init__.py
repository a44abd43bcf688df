"""The pipeline, free of Airflow: DAG tasks and the command line call into it."""
