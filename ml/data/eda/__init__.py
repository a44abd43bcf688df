"""The exploratory report: what the labelled faces are like before anything is trained."""
