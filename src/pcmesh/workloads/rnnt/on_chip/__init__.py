"""The RNN-T on five chips: which layers run where, calibration, and runs over whole data sets."""
