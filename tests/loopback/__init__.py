"""Servers on loopback that speak what the real ones speak, and the traffic they hold."""
