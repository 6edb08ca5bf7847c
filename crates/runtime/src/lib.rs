//! Loads a stock ONNX Runtime library and builds sessions with the house settings
