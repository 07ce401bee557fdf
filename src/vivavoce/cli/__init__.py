"""The `viva` command, the one place above all others: it joins them."""
