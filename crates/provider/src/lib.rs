//! Model endpoints: request, stream, timestamps, retry, usage normalisation.
