"""`make demo-loop`: the loop from labels to a better model, and back, on made data.

Modules: `weeks` (what respondents display, and in what light), `sets` (the labelled archive
and the audit set), `annotators` (answers to a label queue), `settings`, `stage` (what a step
works with), `steps_*` (what is done, and what must come of it), `story` (the order), `report`.
"""
