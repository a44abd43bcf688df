"""The model registry: one protocol, MLflow embedded, SageMaker in production."""
