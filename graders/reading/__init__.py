"""Reading an answer: its normal form, its sentences, and which of them models may read."""
