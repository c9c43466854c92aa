"""The mapper for the RNN-T: losses of single matrices on chips, the paper's limits, the choice beside the paper's."""
