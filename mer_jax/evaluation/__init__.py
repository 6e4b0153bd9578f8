"""From kept weights to predictions, scores, files and tables."""
