//! The one port: signatures, protocols, S3 decoding, the TLS stand-in for amazonaws.com.
