"""Kinds of index beside the exact one. `inference.indexes.kinds` lists them; `make` there makes one."""
