//! Brings a stock ONNX Runtime library and the default encoder into a user cache
