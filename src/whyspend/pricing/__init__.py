"""Pricing: the price book (dated tables) and the view that prices calls with it."""
