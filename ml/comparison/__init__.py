"""The comparison: every architecture of the zoo, trained and measured alike."""
