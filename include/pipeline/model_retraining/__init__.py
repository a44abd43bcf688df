"""Stages of the DAG `model_retraining`, one module each, and what they tell each other.

Every stage reads what the stages before it left in the lake under the request's prefix and
writes its own document last. A stage whose document is there has been done: a task may be
killed and cleared at any point. XCom carries the request's id alone.
"""
