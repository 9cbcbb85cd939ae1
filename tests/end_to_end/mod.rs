//! Real processes, real sockets.
