"""From a folder of features and a label file to arrays; a missing label becomes a mask here."""
