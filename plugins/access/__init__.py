"""Access in Airflow: the auth manager, the roles made from the matrix."""
