"""Erasure: everything the platform keeps of a respondent's recordings is taken away.

`subject` finds whose it is, `results`, `labels` and `learning` take away what the analysis,
the label queue and the retraining made of it, `stage` does all of it in an order in which a
killed run can be repeated. What is kept, and why, is in docs/decisions/0022-erasure.md.
"""
