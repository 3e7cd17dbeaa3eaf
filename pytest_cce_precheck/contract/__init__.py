"""The rules that judge exchanges, and what they find."""
