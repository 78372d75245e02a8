"""Strict reading of hostile wheels and sdists: structure first, then one member, with ceilings."""
