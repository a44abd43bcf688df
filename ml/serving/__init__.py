"""Running a packed model as the AWS container runs it."""
