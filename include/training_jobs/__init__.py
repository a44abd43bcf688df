"""Training jobs: a process of this machine, or a job of SageMaker, under one contract."""
