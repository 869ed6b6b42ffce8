"""Design of sequences: constraints that hold by construction, scores, a filter for diversity, and a report."""
