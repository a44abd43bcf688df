"""Labels from people: what to label, reading answers back, and what they say of the model.

Pure logic. `selection` draws instants by a known design, `tasks` writes them for Label
Studio, `exports` reads answers back, `agreement` says how far people agree, `folder` hands
the votes to training, `estimate` measures what was published by the design's weights, and
`health` turns those figures into healthy, watch or degraded.
"""
