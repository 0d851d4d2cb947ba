"""Making and changing weights. Today that is merging an adapter into its base (`merge.py`)."""
