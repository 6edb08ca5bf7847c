//! Training graphs for a stock ONNX Runtime: forward, loss, backward and AdamW as ONNX operators
