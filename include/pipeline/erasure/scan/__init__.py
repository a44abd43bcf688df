"""Looking through everything for what is left of a person, after an erasure.

`wanted` says what is looked for and finds it in a text, `contents` looks into files whatever
they are (archives, tables, databases), `databases` into the ledger and MLflow, `places` goes
through the lake, MLflow's artefacts, logs and working folders. All of it streams: memory does
not grow with what is looked through.
"""
