"""Retraining: who may ask for it, what it learns from, what it is compared on."""
