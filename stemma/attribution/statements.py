"""Stub"""
def update_attributions(*a): pass
