"""Airline: an airline's customer service over flights, reservations and users."""
