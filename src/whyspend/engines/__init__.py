"""Engines: who answers the SQL. One file each."""
