//! Entity precision, recall and F1 as the field computes them, with bootstrap intervals
