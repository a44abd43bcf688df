#!/usr/bin/env bash
# Airflow's Celery provider 3.26.0 allows celery 5.7.0 and cannot import with it.
#
# Guessed before the run: the newest celery within the provider's bound works.
# Seen: SEEN_HERE
#
# Seen with apache-airflow 3.3.2, apache-airflow-providers-celery 3.26.0, celery 5.7.0 and 5.6.3.
# Exits with 1 when this has changed.
