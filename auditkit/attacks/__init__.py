"""Adversarial attacks: TextAttack's recipes, driven through the engine."""
