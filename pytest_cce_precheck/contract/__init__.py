"""What must hold: the rules that judge exchanges, and what they find."""
