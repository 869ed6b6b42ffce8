"""Questions asked of frozen features, beside their baselines."""
