"""`docker-compose.yaml` as processes of this machine, without a container engine.

The compose file stays the only description of the stack. Every service becomes a process in
namespaces of its own (mounts, processes, host name, IPC), with the environment, secrets, users,
volumes, limits, health check and restart policy that the file states; see
docs/decisions/0030-the-stack-runs.md for what is kept and what stands in for what.
"""
