"""Training: recipe, augmentation, resumable loop, tracking."""
