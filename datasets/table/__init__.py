"""Any corpus that its clips.csv describes."""
