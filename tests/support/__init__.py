"""What tests share: small corpora, configs, trainings and readers of what a run writes."""
