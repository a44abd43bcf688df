"""The data-quality gate: a Great Expectations suite on the manifest, and its Data Docs."""
