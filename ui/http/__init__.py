"""HTTP around Gradio's app: middleware, documents, assets and cookies."""
