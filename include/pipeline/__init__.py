"""The stages, one module each, from lake to lake.

discover -> open_batch -> probe -> extract -> validate -> transform -> collect
-> publish -> settle. A stage takes the services and ids, reads what the stage
before it wrote in the lake, and returns a small summary.
"""
