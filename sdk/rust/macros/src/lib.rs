//! The attributes of rowmill-sdk.
