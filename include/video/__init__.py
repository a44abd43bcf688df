"""From a local recording to face crops and manifest rows. Local files in, local files out.

`probe.probe_file` and `extract.extract_file` are the two doors. Everything that
parses or decodes a recording runs in a confined child process (`confinement`,
`child`); what it finds comes back over one pipe.
"""
