"""What Kubernetes is told about the platform, made from docker-compose.yaml.

Image, environment, secrets, user and hardening stand in the compose file; this package turns
them into values for Airflow's Helm chart, templates of task pods, and the job that registers
the model. `make helm` writes them into `deploy/helm`. Why it is so: docs/decisions/0036.
"""
