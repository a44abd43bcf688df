"""Who may rely on the model, and on which evidence: audits, approvals, sign-offs."""
