"""Encoders of the student. A component is a file with a class `Encoder(inputs, hidden, dropout)`: called with vectors
(batch, length, inputs) and lengths (batch,) it returns one vector (batch, `outputs`) a sentence. Its method
`onnx(graph, vectors, lengths)` writes the same into a graph of `student/onnx_graph.py`."""
