"""What people say about a study, in files beside its recordings: read without a lake."""
