"""One file per strategy. A strategy is found by the name of its section in policy.yaml."""
