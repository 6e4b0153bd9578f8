"""From a folder of features and a label file to arrays; what is missing leaves here as a mask."""
