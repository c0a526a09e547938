//! What our own code costs, measured without any other client.
