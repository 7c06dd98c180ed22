"""Plans: from a graph to a table that one native call runs."""
