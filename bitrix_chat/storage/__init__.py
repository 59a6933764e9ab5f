"""What keeps files on this machine safe: from each other's writers, from power cuts, from strangers."""
