"""Creates and changes model weights. Today that is merging an adapter into its base (`merge.py`)."""
