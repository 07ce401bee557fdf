"""The commands of `viva`, one module each; `cli/main.py` lists them."""
