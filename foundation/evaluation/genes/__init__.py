"""How well splice sites are predicted, with baselines."""
