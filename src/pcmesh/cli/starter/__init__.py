"""Files that `pcmesh examples` writes; they run on their own and import nothing of pcmesh."""
