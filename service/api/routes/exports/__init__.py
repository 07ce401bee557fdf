"""Routes for exports, and edited grades that come back."""
