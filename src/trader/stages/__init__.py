"""The verbs: one pure module per stage, chained by ``pipeline`` and by nothing else."""
