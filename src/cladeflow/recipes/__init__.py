"""Recipes: one YAML per method, scales per model size, the loader and its schema."""

from cladeflow.recipes.library import (
    composition,
    load_recipe,
    load_scale,
    recipe_path,
    recipe_paths,
    resolve,
    scale_for,
    scale_paths,
    stored,
)
from cladeflow.recipes.model import Entry, Recipe, Resolved, Round, Scale, Training, Update

__all__ = [
    "Entry",
    "Recipe",
    "Resolved",
    "Round",
    "Scale",
    "Training",
    "Update",
    "composition",
    "load_recipe",
    "load_scale",
    "recipe_path",
    "recipe_paths",
    "resolve",
    "scale_for",
    "scale_paths",
    "stored",
]
