"""What is measured, and what it is measured on; nothing here is installed."""
