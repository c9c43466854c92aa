"""The RNN-T on five chips as a plan: its graph, mapping, time and energy."""
