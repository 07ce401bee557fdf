"""Reading of an answer: its normal form, its sentences, and which of them the models read."""
