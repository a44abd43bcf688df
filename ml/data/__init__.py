"""Labelled face pictures: loaders, the one record type, leak-free splits."""
