"""Measures of predicted simulations: errors as The Well defines them, baselines, pictures and videos."""
