"""Our pages beside Airflow's: reports, label pictures, audits, the audit log, requeue."""
