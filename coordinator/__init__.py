"""Runs at the study office: asks the questions, adds up, reports. Sees no patient row."""
