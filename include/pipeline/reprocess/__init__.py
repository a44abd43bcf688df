"""Re-analysis: what was published is answered by another model, beside the old results.

One stage per module, in the order of the `reprocess` DAG: `begin`, the transform task,
`republish`, `put_in_front`, `report`. Extractions are not made again.
"""
