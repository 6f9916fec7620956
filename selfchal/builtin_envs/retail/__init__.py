"""Retail: an online shop's customer service over orders, products and users."""
